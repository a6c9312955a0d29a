//! The buildkit room against a real buildkitd and a real registry.

mod authentication;
mod certificates;
mod dockerfiles;
mod large;
mod outcomes;
mod policy;
mod refusals;
mod ssh;
mod transport;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use argo_buildkit::buildkit::{
    BuildError, Buildkit, Exporter, GitSource, GitTree, Progress, Session, Solve, Solved,
};
use tokio::sync::watch;

use crate::support::buildkitd::Buildkitd;
use crate::support::registry::Registry;

/// A daemon, a registry, and a busybox image in it.
struct Bench {
    daemon: Buildkitd,
    registry: Registry,
    busybox: String,
}

impl Bench {
    fn start() -> Self {
        let daemon = Buildkitd::start("");
        let registry = Registry::start();
        let busybox = registry.push_busybox(daemon.address());
        Self { daemon, registry, busybox }
    }

    fn client(&self) -> Buildkit {
        Buildkit::new(self.daemon.address().parse().unwrap(), None)
    }

    /// A build of `FROM busybox` and `lines`.
    fn on_busybox(&self, lines: &str) -> Solve {
        inline(&format!("FROM {}\n{lines}\n", self.busybox))
    }
}

/// An image reference that no other build of this run uses.
fn reference(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static RUN: LazyLock<u128> =
        LazyLock::new(|| std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    format!("{name}-{}-{}", *RUN, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn inline(dockerfile: &str) -> Solve {
    Solve { reference: reference("it"), inline_dockerfile: Some(dockerfile.to_owned()), ..Solve::default() }
}

fn image(names: &[&str], push: bool) -> Exporter {
    let attrs = [("name", names.join(",")), ("push", push.to_string())];
    let attrs = attrs.map(|(key, value)| (key.to_owned(), value)).into();
    Exporter { kind: "image".to_owned(), attrs }
}

fn source(url: &str, sha: &str) -> GitSource {
    GitSource { url: url.to_owned(), sha: sha.to_owned() }
}

fn attrs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Runs a build without watching its progress.
async fn run(client: &Buildkit, solve: &Solve, session: Session) -> Result<Solved, BuildError> {
    let (progress, _) = watch::channel(Progress::default());
    client.solve(solve, session, &progress).await
}

/// Waits until the build's progress names `step`.
async fn until_running(progress: &mut watch::Receiver<Progress>, step: &str) {
    let names = |p: &Progress| p.current.as_deref().is_some_and(|current| current.contains(step));
    progress.wait_for(names).await.unwrap();
}
