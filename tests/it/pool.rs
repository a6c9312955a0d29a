//! Several real buildkitds that act as one.

mod choice;
mod explained;
mod full;
mod lost;
mod native;
mod reports;

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::{Cluster, Secrets};
use serde_json::{Value, json};

use crate::lifecycle::own_daemon;
use crate::support;
use crate::support::buildctl::histories;
use crate::support::buildkitd::Buildkitd;
use crate::support::git::GitServer;

/// Two daemons that can reach the shared registries.
async fn pair() -> [Buildkitd; 2] {
    [own_daemon().await, own_daemon().await]
}

/// The value of `BUILDKIT_HOST` for `daemons`.
fn host(daemons: &[Buildkitd]) -> String {
    daemons.iter().map(Buildkitd::address).collect::<Vec<_>>().join(",")
}

/// A new process, as far as the pool is concerned: it knows nothing of the daemons yet.
fn engine(host: &str) -> Engine {
    let secrets = Secrets::Directory(std::env::temp_dir());
    support::engine::engine(host, Cluster::default(), secrets, Tenancy::own().with_daemon_cache(true))
}

/// How many builds whose record contains `what` each daemon has in its history.
fn builds(daemons: &[Buildkitd], what: &str) -> Vec<usize> {
    let count =
        |daemon: &Buildkitd| histories(daemon.address()).iter().filter(|build| build.contains(what)).count();
    daemons.iter().map(count).collect()
}

/// A repository of services without any `RUN`.
struct Services(GitServer);

impl Services {
    fn start(count: usize) -> Self {
        let git = GitServer::start("", "");
        let stage = |nth| format!("FROM scratch AS service-{nth}\nCOPY file /\n");
        let dockerfile: String = (0..count).map(stage).collect();
        git.create("shop", &[("Dockerfile", &dockerfile), ("file", "one")]);
        Self(git)
    }

    /// The name of a service's image, which is in the record of each of its builds.
    fn image(nth: usize) -> String {
        format!("registry.example/shop/service-{nth}:1")
    }

    async fn build(&self, engine: &Engine, nth: usize) {
        self.build_for(engine, nth, None).await;
    }

    async fn build_for(&self, engine: &Engine, nth: usize, platform: Option<&str>) {
        let (target, tags) = (format!("service-{nth}"), [Self::image(nth)]);
        let mut build = json!({"context": self.0.url("shop"), "target": target, "tags": tags, "push": false});
        if let Some(platform) = platform {
            build["platforms"] = json!([platform]);
        }
        support::engine::run(engine, "builds", &json!({"build": build})).await.unwrap();
    }
}

/// A Dockerfile whose last step ends when an HTTP server answers at `GATE`.
const GATED: &str = "FROM BASE\nRUN until wget -q -O /dev/null http://GATE/; do sleep 0.2; done\n";

fn says(what: &'static str) -> impl Fn(&Value) -> bool {
    move |node| node["message"].as_str().is_some_and(|message| message.contains(what))
}
