//! A build after a commit that changes one file: without a cache, with a cache in a registry, and on a daemon that is warm.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::builds::{Built, build, engine, plain_http};
use crate::support::buildkitd::Buildkitd;
use crate::support::git::GitServer;
use crate::support::registry::Registry;
use crate::table::{Table, ms};

/// The commits, each built by all three.
const COMMITS: usize = 5;

/// The two expensive steps come before the file that a commit changes. The first one writes 16 MB that no compression makes smaller.
const DOCKERFILE: &str = "FROM BASE\n\
    RUN mkdir /deps; for i in $(seq 2000); do dd if=/dev/urandom of=/deps/$i bs=8k count=1 2> /dev/null; done\n\
    RUN sha256sum /deps/* > /sums; i=0; while [ $i -lt 3000000 ]; do i=$((i+1)); done\n\
    COPY main.txt /app/\n\
    RUN wc -l /app/main.txt > /app/lines\n";

/// The servers, a daemon that has built the service before, and a clone to commit from.
struct World {
    registry: Registry,
    warm: Buildkitd,
    git: GitServer,
    clone: tempfile::TempDir,
}

pub(super) async fn compare(table: &mut Table) {
    let world = World::start();
    let to = json!({"to": {"ref": world.cache(), "mode": "max"}});
    let first = world.build(&world.warm, "first", Some(to)).await;
    assert_eq!(first.outputs["cache"], "exported", "{:?}", first.outputs);
    let (mut from_registry, mut warm) = (Vec::new(), Vec::new());
    for commit in 0..COMMITS {
        world.commit(commit);
        let [none, registry, local] = world.all_three().await;
        from_registry.push((registry, none));
        warm.push((local, none));
    }
    let what = "rebuild after a small commit, beside no cache: ";
    table.paired(&format!("{what}cold daemon, registry cache"), "ms", &from_registry, Some(0.25));
    table.paired(&format!("{what}warm daemon"), "ms", &warm, Some(0.1));
}

impl World {
    fn start() -> Self {
        let registry = Registry::start();
        let warm = Buildkitd::start(&plain_http(&registry));
        let base = registry.push_busybox(warm.address());
        let git = GitServer::start("", "");
        git.create("shop", &[("Dockerfile", &DOCKERFILE.replace("BASE", &base)), ("main.txt", "one\n")]);
        let clone = tempfile::tempdir().unwrap();
        run_git(clone.path(), &["clone", "--quiet", &git.path("shop").display().to_string(), "."]);
        Self { registry, warm, git, clone }
    }

    /// The cache in the registry.
    fn cache(&self) -> String {
        format!("{}/cache/api:1", self.registry.host())
    }

    /// Changes one file of the service.
    fn commit(&self, nth: usize) {
        std::fs::write(self.clone.path().join("main.txt"), format!("commit {nth}\n")).unwrap();
        let run = |arguments: &[&str]| run_git(self.clone.path(), arguments);
        run(&["-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--all", "-m", "change"]);
        run(&["push", "--quiet", "origin", "HEAD:main"]);
    }

    /// The milliseconds of a build without a cache, with the one in the registry, and on the warm daemon. The first two each have a new
    /// daemon, whose start is not counted.
    async fn all_three(&self) -> [f64; 3] {
        let none = self.build(&self.cold(), "none", None).await;
        let registry = self.build(&self.cold(), "registry", Some(json!({"from": [self.cache()]}))).await;
        let warm = self.build(&self.warm, "warm", None).await;
        assert_eq!(none.cached_steps(), 0, "without a cache: {:?}", none.outputs);
        // The second expensive step. Where its result is in a cache, buildkitd need not look for the first.
        for built in [&registry, &warm] {
            assert!(built.cached_steps() >= 1, "{:?}", built.outputs);
        }
        [none, registry, warm].map(|built| ms(built.wall))
    }

    fn cold(&self) -> Buildkitd {
        Buildkitd::start(&plain_http(&self.registry))
    }

    /// Builds the branch and pushes the image, to a repository of this contender's own.
    async fn build(&self, daemon: &Buildkitd, contender: &str, cache: Option<Value>) -> Built {
        let mut fields = json!({
            "context": {"repo": self.git.url("shop"), "revision": "main"},
            "tags": [format!("{}/{contender}/api:1", self.registry.host())],
        });
        if let Some(cache) = cache {
            fields["cache"] = cache;
        }
        build(&engine(daemon.address()), &fields).await
    }
}

fn run_git(directory: &Path, arguments: &[&str]) {
    let status = Command::new("git").current_dir(directory).args(arguments).status().unwrap();
    assert!(status.success(), "git {arguments:?}");
}
