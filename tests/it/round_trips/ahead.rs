//! Counts the requests of `steps`, where the data for `update-manifest` is read while the image is built.

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::git::{Git, GitOptions};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::{Fault, StepError, Success};
use argo_buildkit::write_back::{EDIT_MEMORY, Pusher};
use serde_json::{Value, json};

use super::{COLD, asked};
use crate::support::engine::{engine, run};
use crate::support::gitea::Repo;
use crate::support::net::unique;
use crate::support::plugin::tree;
use crate::support::round_trip_relay::RoundTripRelay;
use crate::support::shared::World;

const VALUES: &str = "image:\n  tag: old\n  digest: none\n";

/// A service, its GitOps repository behind a relay, and another relay in front of the registry.
struct Site {
    git: RoundTripRelay,
    registry: RoundTripRelay,
    service: Repo<'static>,
    gitops: Repo<'static>,
    engine: Engine,
    secrets: tempfile::TempDir,
    /// The directory for Git objects.
    objects: tempfile::TempDir,
    image: String,
}

impl Site {
    async fn open() -> Self {
        let world = World::shared().await;
        let owner = world.gitea.user("ahead").await;
        let (service, gitops) =
            (world.gitea.repo(&owner, "api").await, world.gitea.repo(&owner, "gitops").await);
        let dockerfile = format!("FROM {}\nRUN echo {}\n", world.busybox, unique("built"));
        service.push_directory(tree(&[("Dockerfile", &dockerfile)]).path(), "main", "first").await;
        gitops.push_directory(tree(&[("values.yaml", VALUES)]).path(), "main", "lay out").await;
        let token = world.gitea.token(&owner, &["write:repository"]).await;
        let secrets = tree(&[("git/username", &owner), ("git/token", &token), ("bad/token", "not-a-token")]);
        let objects = tempfile::tempdir().unwrap();
        let from = Secrets::Directory(secrets.path().to_owned());
        let engine = engine(world.buildkitd.address(), Cluster::default(), from, Tenancy::own());
        let options = GitOptions { temp_dir: Some(objects.path().to_owned()), ..GitOptions::default() };
        let engine = Engine { pusher: Pusher::new(Git::new(options).unwrap(), EDIT_MEMORY), ..engine };
        let (git, registry) = (
            RoundTripRelay::start(world.gitea.host()).await,
            RoundTripRelay::start(world.registry.host()).await,
        );
        let site =
            Self { git, registry, service, gitops, engine, secrets, objects, image: unique("ahead/api") };
        site.registry.hold(&site.push());
        site
    }

    /// The request that ends the image's push.
    fn push(&self) -> String {
        format!("PUT /v2/{}/manifests/", self.image)
    }

    fn update(&self, more: Value) -> Value {
        let set = json!({"image.digest": "$(build.digest)"});
        let repo = self.git.through(&self.gitops.url());
        let mut update =
            json!({"repo": repo, "secret": "git", "targets": [{"file": "values.yaml", "helm": set}]});
        crate::support::shop::merge(&mut update, more);
        update
    }

    /// Builds, then updates. The registry's relay holds the image's push until it is released.
    async fn run(&self, update: Value) -> Result<Success, StepError> {
        let tag = json!({"ref": format!("{}/{}:1", self.registry.host(), self.image), "insecure": true});
        let context = json!({"repo": self.service.url(), "secret": "git"});
        let build = json!({"context": context, "tags": [tag]});
        run(&self.engine, "builds", &json!({"steps": [{"build": build}, {"update-manifest": update}]})).await
    }

    /// The requests to the GitOps repository before the image's push. Waits until the request `last` has come `times`
    /// times.
    async fn read_ahead(&self, last: &str, times: usize) -> Vec<String> {
        self.registry.came(&self.push(), 1).await;
        self.git.came(last, times).await;
        asked(&self.git, &self.gitops.full_name())
    }

    /// The requests since the last call.
    fn asked(&self) -> Vec<String> {
        asked(&self.git, &self.gitops.full_name())
    }

    async fn expect(&self, ended: &Success) {
        assert_eq!(self.gitops.head("main").await, ended.outputs["commit"]);
        let values = self.gitops.read("main", "values.yaml").await.unwrap();
        assert!(values.contains(&ended.outputs["digest"]), "{values}");
    }
}

#[tokio::test]
async fn after_the_images_push_one_request_is_left() {
    let site = Site::open().await;
    let beside = async {
        assert_eq!(site.read_ahead("upload-pack", 2).await, COLD[..3]);
        site.registry.release();
    };
    let (ended, ()) = tokio::join!(site.run(site.update(json!({}))), beside);
    site.expect(&ended.unwrap()).await;
    assert_eq!(site.asked(), [COLD[3]]);
}

#[tokio::test]
async fn what_somebody_else_writes_meanwhile_is_kept() {
    let site = Site::open().await;
    let beside = async {
        site.read_ahead("upload-pack", 2).await;
        site.gitops
            .commit_file("main", "values.yaml", &VALUES.replace("old", "theirs"), "somebody else's")
            .await;
        site.registry.release();
    };
    let (ended, ()) = tokio::join!(site.run(site.update(json!({}))), beside);
    site.expect(&ended.unwrap()).await;
    assert!(site.gitops.read("main", "values.yaml").await.unwrap().contains("tag: theirs"));
    // The push comes too late. Then come the requests of a cold start, because only objects that have not changed are
    // reused.
    assert_eq!(site.asked(), [COLD[3], COLD[0], COLD[1], COLD[2], COLD[3]]);
}

#[tokio::test]
async fn that_nothing_is_to_change_is_not_said_by_what_is_old() {
    let site = Site::open().await;
    let set = json!({"targets": [{"file": "values.yaml", "helm": {"image.tag": "old"}}]});
    let beside = async {
        site.read_ahead("upload-pack", 2).await;
        site.gitops
            .commit_file("main", "values.yaml", &VALUES.replace("old", "theirs"), "somebody else's")
            .await;
        site.registry.release();
    };
    let (ended, ()) = tokio::join!(site.run(site.update(set)), beside);
    assert_eq!(ended.unwrap().outputs["changed"], "true");
    assert_eq!(site.gitops.read("main", "values.yaml").await.unwrap(), VALUES);
}

#[tokio::test]
async fn a_file_that_comes_while_the_image_is_built_is_found() {
    let site = Site::open().await;
    let set = json!({"targets": [{"file": "late.yaml", "helm": {"image.digest": "$(build.digest)"}}]});
    let beside = async {
        site.read_ahead("upload-pack", 1).await;
        site.gitops.commit_file("main", "late.yaml", "image:\n  digest: none\n", "somebody else's").await;
        site.registry.release();
    };
    let (ended, ()) = tokio::join!(site.run(site.update(set)), beside);
    let ended = ended.unwrap();
    assert!(site.gitops.read("main", "late.yaml").await.unwrap().contains(&ended.outputs["digest"]));
}

#[tokio::test]
async fn what_cannot_be_read_ahead_fails_the_step_itself_and_not_the_build() {
    let nowhere = |site: &Site| site.git.through(&site.gitops.url()).replace("gitops", "nowhere");
    for is_login in [false, true] {
        let site = Site::open().await;
        let more = if is_login { json!({"secret": "bad"}) } else { json!({"repo": nowhere(&site)}) };
        let beside = async {
            site.registry.came(&site.push(), 1).await;
            site.git.came("info/refs", 1).await;
            site.registry.release();
        };
        let (ended, ()) = tokio::join!(site.run(site.update(more)), beside);
        let error = ended.unwrap_err();
        let why = if is_login { "refused the login" } else { "not found" };
        assert_eq!(error.fault, Fault::User);
        assert!(error.message.starts_with("step 2 of 2 (`update-manifest`): "), "{}", error.message);
        assert!(
            error.message.contains(why) && error.message.contains("done before it: build: "),
            "{}",
            error.message
        );
        assert!(error.outputs["digest"].starts_with("sha256:"), "the image is there");
    }
}

#[tokio::test]
async fn who_is_cancelled_while_it_is_read_leaves_nothing() {
    let site = Site::open().await;
    site.git.hold("POST");
    let beside = async {
        site.registry.came(&site.push(), 1).await;
        site.git.came("upload-pack", 1).await;
        assert_eq!(std::fs::read_dir(site.objects.path()).unwrap().count(), 1);
    };
    tokio::select! {
        ended = site.run(site.update(json!({}))) => panic!("{ended:?}"),
        () = beside => {}
    }
    assert_eq!(std::fs::read_dir(site.objects.path()).unwrap().count(), 0);
    assert!(site.secrets.path().exists());
}

#[tokio::test]
async fn what_the_build_is_to_name_is_not_read_before() {
    let site = Site::open().await;
    let branch = json!({"branch": "$(build.revision)"});
    let beside = async {
        site.registry.came(&site.push(), 1).await;
        assert!(site.asked().is_empty());
        site.registry.release();
    };
    let (ended, ()) = tokio::join!(site.run(site.update(branch)), beside);
    assert!(ended.unwrap_err().message.contains("no such branch"));
}
