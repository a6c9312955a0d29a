//! Builds by an engine in this process, which stays as long as that of a sidecar.

use std::sync::Arc;
use std::time::{Duration, Instant};

use argo_buildkit::engine::{Engine, Reference, StepRequest, Tenancy, Workflow};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::Outputs;
use argo_buildkit::progress::Progress;
use argo_buildkit::step;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support;
use crate::support::net::unique;
use crate::support::registry::Registry;

/// The namespace of all builds.
pub(super) const NAMESPACE: &str = "builds";
/// The most time of one build.
const TIME: Duration = Duration::from_secs(300);

/// A build that succeeded.
pub(super) struct Built {
    pub(super) wall: Duration,
    pub(super) outputs: Outputs,
}

impl Built {
    /// The steps that came from a cache.
    pub(super) fn cached_steps(&self) -> usize {
        self.outputs["cached-steps"].parse().unwrap()
    }
}

/// An engine for the daemon at `host`, or for a pool of several addresses with commas between them. It has not connected yet.
pub(super) fn engine(host: &str) -> Engine {
    let secrets = Secrets::Directory(std::env::temp_dir());
    support::engine::engine(host, Cluster::default(), secrets, Tenancy::own())
}

/// Runs the step `build` with the fields `fields`. It must give a digest.
pub(super) async fn build(engine: &Engine, fields: &Value) -> Built {
    let step = step::parse(&json!({"build": fields})).unwrap();
    let request = request();
    let started = Instant::now();
    let outputs = engine.run(step, request).await.unwrap().outputs;
    let wall = started.elapsed();
    assert!(outputs["digest"].starts_with("sha256:"), "{outputs:?}");
    Built { wall, outputs }
}

/// A request with a reference, as a sidecar and the shared agent send it: so the daemons are asked whether they know the build.
fn request() -> StepRequest {
    let name = unique("pool");
    StepRequest {
        workflow: Workflow { name: name.clone(), namespace: NAMESPACE.to_owned(), uid: name.clone() },
        reference: Some(Reference(name)),
        progress: watch::Sender::new(Progress::now("")),
        gate: Arc::default(),
        deadline: tokio::time::Instant::now() + TIME,
    }
}

/// What a daemon needs in its `buildkitd.toml` to reach `registry`.
pub(super) fn plain_http(registry: &Registry) -> String {
    format!("[registry.\"{}\"]\n  http = true\n", registry.host())
}
