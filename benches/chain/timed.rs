//! One run, from its creation to its end.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use kube::Client;
use serde_json::Value;

use crate::api::{self, Seen, Watch};
use crate::cluster::{PATIENCE, eventually, kubectl};
use crate::contender::Contender;
use crate::shop::Shop;
use crate::stages::{Marks, Stages};

/// How often the server's branch is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What one run took, from its creation.
pub(crate) struct Timed {
    /// Until the manifest's branch moved.
    pub(crate) commit: Duration,
    /// Until the API server said that it had ended.
    pub(crate) end: Duration,
    /// Where the time went, with a sidecar.
    pub(crate) stages: Option<Stages>,
}

/// One run of `contender` on a quiet cluster.
pub(crate) async fn run(contender: Contender, shop: &Shop) -> Timed {
    let client = api::client().await;
    let revision = shop.change().await;
    let before = shop.deployed();
    let runs = Watch::begin(&client, &contender.path()).await;
    let pods = Watch::begin(&client, &format!("/api/v1/namespaces/{}/pods", contender.namespace())).await;
    let log = tokio::spawn(sidecar_log(client.clone(), contender, pods.seen.clone()));
    let (wall, began) = (SystemTime::now(), Instant::now());
    let created = api::create(&client, &contender.path(), &contender.object(shop, &revision)).await;
    let name = created["metadata"]["name"].as_str().unwrap().to_owned();
    let commit = until(|| (shop.deployed() != before).then(Instant::now), &name).await;
    let ended = |run: &Value| run["metadata"]["name"] == name && contender.ended(run).is_some();
    let (end, last) = until(|| runs.seen.first(ended), &name).await;
    assert_eq!(contender.ended(&last), Some(true), "{}: {}", name, last["status"]);
    kubectl(&["delete", "-n", contender.namespace(), contender.resource(), &name]);
    let log = log.await.unwrap();
    let marks = Marks { began, wall, commit, end, name: &name };
    let stages = contender.has_sidecar().then(|| Stages::of(&marks, &pods.seen, &log));
    settle(contender);
    Timed { commit: commit - began, end: end - began, stages }
}

/// Looks until there is something.
pub(crate) async fn until<T>(probe: impl Fn() -> Option<T>, name: &str) -> T {
    within(PATIENCE, probe, name).await
}

/// The same, for at most `limit`.
pub(crate) async fn within<T>(limit: Duration, probe: impl Fn() -> Option<T>, name: &str) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{name} made no commit, did not end, or does not run within {limit:?}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// The sidecar's whole log. It goes with the agent's pod, so it is followed from its start.
async fn sidecar_log(client: Client, contender: Contender, pods: Seen) -> String {
    if !contender.has_sidecar() {
        return String::new();
    }
    let (_, pod) = until(|| pods.first(sidecar_runs), "the agent").await;
    api::log(&client, contender.namespace(), pod["metadata"]["name"].as_str().unwrap(), "buildkit").await
}

fn sidecar_runs(pod: &Value) -> bool {
    let mut containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    containers.any(|container| container["name"] == "buildkit" && container["state"]["running"].is_object())
}

/// The next run begins when the pods of this one are gone. The receivers of hooks stay.
pub(crate) fn settle(contender: Contender) {
    let pods =
        || kubectl(&["get", "pods", "-n", contender.namespace(), "-l", contender.pods(), "-o", "name"]);
    eventually(|| format!("the end of {}", pods()), PATIENCE, || pods().is_empty().then_some(()));
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "commit {:.2} s, end {:.2} s", self.commit.as_secs_f64(), self.end.as_secs_f64())?;
        if let Some(stages) = &self.stages {
            write!(f, " ({stages})")?;
        }
        Ok(())
    }
}
