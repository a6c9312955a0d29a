//! `sync` against a real API server. The tests write to Applications what Argo CD would write.

mod deployment;
mod docs;
mod operations;
mod problems;
mod revert;
mod rollouts;
mod shared_watch;
mod workloads;

use std::sync::Arc;
use std::time::Duration;

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::{StepError, Success};
use argo_buildkit::progress::Progress;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::argocd::Applications;
use crate::support::engine::{engine, run_behind, run_with_progress};
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};

const OURS: &str = "1111111111111111111111111111111111111111";
const OLD: &str = "2222222222222222222222222222222222222222";
const OUR_IMAGE: &str =
    "reg.example/shop/api@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OLD_IMAGE: &str =
    "reg.example/shop/api@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const REFRESH: &str = "argocd.argoproj.io/refresh";

/// An Application, and an engine with the rights to it.
struct Site {
    kube: &'static Kube,
    applications: Applications,
    engine: Arc<Engine>,
    name: String,
}

impl Site {
    /// With the Application at `revision`, running `image`.
    async fn open(revision: &str, image: &str) -> Self {
        let (kube, applications, name) = (Kube::shared().await, Applications::shared().await, unique("sync"));
        applications.create(&name).await;
        applications.allow_sync(&name).await;
        applications.set(&name, &state(revision, image)).await;
        let engine = Arc::new(own(kube, Tenancy::own()).await);
        Self { kube, applications, engine, name }
    }

    /// The body of a step that waits for our commit and our image.
    fn body(&self, more: Value) -> Value {
        let mut fields = json!({"applications": self.name, "commit": OURS, "images": OUR_IMAGE});
        crate::support::shop::merge(&mut fields, more);
        json!({"sync": fields})
    }

    /// Starts the step.
    fn start(&self, more: Value) -> Running {
        let (engine, body) = (Arc::clone(&self.engine), self.body(more));
        let (sender, progress) = watch::channel(Progress::now(""));
        let step = tokio::spawn(async move { run_with_progress(&engine, BUILDS, &body, sender).await });
        Running { step, progress }
    }

    /// Runs the step to its end, with so much time.
    async fn run_for(&self, more: Value, time: Duration) -> Result<Success, StepError> {
        run_behind(&self.engine, BUILDS, &self.body(more), Arc::default(), time).await
    }

    async fn set(&self, changes: Value) {
        self.applications.set(&self.name, &changes).await;
    }

    /// Waits for the refresh of the step, and ends it with `changes`, like a comparison of Argo CD.
    async fn compare(&self, changes: Value) {
        let asked = async || self.applications.refresh(&self.name).await;
        until(|| format!("a refresh of {}", self.name), PATIENCE, asked).await;
        let mut compared = json!({"metadata": {"annotations": {REFRESH: null}}});
        crate::support::shop::merge(&mut compared, changes);
        self.set(compared).await;
    }
}

/// An engine with the plugin's rights.
async fn own(kube: &Kube, tenancy: Tenancy) -> Engine {
    let cluster = Cluster::from(kube.client(Identity::Plugin).await);
    engine("tcp://127.0.0.1:1", cluster.clone(), Secrets::Cluster(cluster), tenancy)
}

/// An automated Application that is Synced at `revision` and runs `image`.
pub(crate) fn state(revision: &str, image: &str) -> Value {
    let resources = json!([{"kind": "Deployment", "name": "api", "status": "Synced", "images": [image]}]);
    json!({
        "spec": {
            "destination": {"server": "https://kubernetes.default.svc", "namespace": BUILDS},
            "syncPolicy": {"automated": {"prune": true}},
        },
        "status": {
            "sync": {"status": "Synced", "revision": revision}, "health": {"status": "Healthy"},
            "summary": {"images": [image]},
            "operationState": {"phase": "Succeeded", "syncResult": {"revision": revision, "resources": resources}},
        },
    })
}

/// A step that runs, and what it shows.
struct Running {
    step: JoinHandle<Result<Success, StepError>>,
    progress: watch::Receiver<Progress>,
}

impl Running {
    /// Waits until the step shows `text`: it has judged a state, and waits for another one.
    async fn shows(&mut self, text: &str) {
        let shown = self.progress.wait_for(|progress| progress.now.contains(text));
        let shown = timeout(PATIENCE, shown).await;
        let Ok(Ok(_)) = shown else { panic!("the step does not show `{text}`: {shown:?}") };
    }

    async fn ended(self) -> Result<Success, StepError> {
        self.step.await.unwrap()
    }
}
