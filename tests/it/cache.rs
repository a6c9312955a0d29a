//! `cache` against a real daemon. Each test has its own, because a prune would make other tests slow.

mod cli;
mod docs;
mod large;
mod stops;
mod tenants;
mod warm;

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::{Fault, StepError, Success};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::support;
use crate::support::buildkitd::Buildkitd;
use crate::support::git::GitServer;
use crate::support::shared::{shared_buildkitd, shared_registry};

/// A daemon, and what it builds.
struct Site {
    daemon: Buildkitd,
    git: GitServer,
    busybox: String,
}

impl Site {
    async fn start() -> Self {
        Self::behind(&[]).await
    }

    /// The same with further registries over plain http.
    async fn behind(registries: &[&str]) -> Self {
        let mut registries: Vec<_> = registries.iter().map(|&host| host.to_owned()).collect();
        let start = move || {
            let registry = shared_registry();
            registries.push(registry.host().to_owned());
            // The shared daemon has built it, so the image is the same as that of other tests.
            let busybox = registry.push_busybox(shared_buildkitd().address());
            let plain = registries.iter().map(|host| format!("[registry.\"{host}\"]\nhttp = true\n"));
            (Buildkitd::start(&plain.collect::<String>()), busybox)
        };
        let (daemon, busybox) = spawn_blocking(start).await.unwrap();
        Self { daemon, git: GitServer::start("", ""), busybox }
    }

    fn engine(&self, tenancy: Tenancy) -> Engine {
        engine_at(self.daemon.address(), tenancy)
    }

    /// Builds an image whose only step has a cache mount with the id `npm`.
    async fn build(&self, engine: &Engine, namespace: &str, name: &str, command: &str) {
        let run = format!("RUN --mount=type=cache,id=npm,target=/c {command}");
        self.git.create(name, &[("Dockerfile", &format!("FROM {}\n{run}\n", self.busybox))]);
        let body = json!({"build": {"context": self.git.url(name), "push": false}});
        support::engine::run(engine, namespace, &body).await.unwrap();
    }
}

/// An engine that uses the daemon at `address`.
fn engine_at(address: &str, tenancy: Tenancy) -> Engine {
    let secrets = Secrets::Directory(std::env::temp_dir());
    support::engine::engine(address, Cluster::default(), secrets, tenancy)
}

async fn cache(engine: &Engine, namespace: &str, fields: Value) -> Result<Success, StepError> {
    support::engine::run(engine, namespace, &json!({"cache": fields})).await
}

fn number(done: &Success, output: &str) -> u64 {
    done.outputs[output].parse().unwrap()
}

fn list(done: &Success, output: &str) -> Vec<Value> {
    serde_json::from_str(&done.outputs[output]).unwrap()
}

/// Writes three megabytes to the image and two to the cache mount.
const WRITE: &str =
    "dd if=/dev/urandom of=/file bs=1M count=3 && dd if=/dev/urandom of=/c/file bs=1M count=2";

#[tokio::test]
async fn the_cache_is_counted_and_pruned() {
    let site = Site::start().await;
    let engine = site.engine(Tenancy::own().with_daemon_cache(true));
    site.build(&engine, "builds", "api", WRITE).await;
    let ask = async || cache(&engine, "builds", json!({"usage": {"scope": "daemon"}})).await.unwrap();
    let prune = async |rules: Value| {
        let mut fields = json!({"scope": "daemon"});
        fields.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
        cache(&engine, "builds", json!({"prune": fields})).await.unwrap()
    };

    let full = ask().await;
    assert!(number(&full, "size") > 5_000_000 && number(&full, "records") >= 3, "{full:?}");
    let types = list(&full, "types");
    let of =
        |kind: &str| types.iter().find(|total| total["type"] == kind).map(|total| total["size"].as_u64());
    assert!(of("regular").flatten().unwrap() > 3_000_000, "{types:?}");
    let mounts = list(&full, "mounts");
    assert_eq!((mounts.len(), &mounts[0]["id"]), (1, &json!("/npm")));
    assert!(mounts[0]["size"].as_u64().unwrap() > 2_000_000, "{mounts:?}");
    let largest = list(&full, "largest");
    assert!(largest.len() <= 10 && largest[0]["size"].as_u64() >= largest[1]["size"].as_u64());
    assert!(full.summary.starts_with("the cache has "), "{}", full.summary);

    let nothing = prune(json!({"older-than": "1h"})).await;
    assert_eq!((number(&nothing, "records"), nothing.summary.as_str()), (0, "nothing was deleted"));
    let mount = prune(json!({"filters": ["type==exec.cachemount"]})).await;
    assert!(number(&mount, "records") == 1 && number(&mount, "size") > 2_000_000, "{mount:?}");
    let rest = ask().await;
    assert_eq!(list(&rest, "mounts"), [] as [Value; 0]);
    assert!(number(&rest, "size") > 3_000_000);
    let bounded = prune(json!({"max-used-space": "1m"})).await;
    assert!(number(&bounded, "size") > 2_000_000, "{bounded:?}");
    prune(json!({"all": true})).await;
    let empty = ask().await;
    assert!(number(&empty, "size") < 1_000_000, "{empty:?}");
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_named() {
    let engine = engine_at("tcp://127.0.0.1:1", Tenancy::own().with_daemon_cache(true));
    for verb in [json!({"usage": {"scope": "daemon"}}), json!({"prune": {"scope": "daemon", "all": true}})] {
        let failed = cache(&engine, "builds", verb).await.unwrap_err();
        assert_eq!(failed.fault, Fault::Transient);
        assert!(failed.message.starts_with("cannot reach buildkitd at tcp://127.0.0.1:1: "), "{failed:?}");
        assert_eq!(failed.outputs["records"], "0");
    }
}

#[tokio::test]
async fn a_daemon_that_stops_is_given_up() {
    let site = Site::start().await;
    let engine = site.engine(Tenancy::own().with_daemon_cache(true));
    let pid = site.daemon.pid();
    support::bin::signal(pid, "STOP");
    let asked = cache(&engine, "builds", json!({"usage": {"scope": "daemon"}}));
    let given_up = tokio::time::timeout(std::time::Duration::from_secs(90), asked).await;
    support::bin::signal(pid, "CONT");
    let failed = given_up.unwrap().unwrap_err();
    assert!(
        failed.fault == Fault::Transient && failed.message.contains("no answer within 10 s"),
        "{failed:?}"
    );
}
