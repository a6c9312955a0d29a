//! An engine inside the test process.

use std::sync::Arc;
use std::time::Duration;

use argo_buildkit::argocd::ArgoCd;
use argo_buildkit::engine::{Engine, SecretRules, StepRequest, Tenancy, Workflow};
use argo_buildkit::forge::{Forge, ForgeOptions};
use argo_buildkit::git::{Git, GitOptions};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::limits::Budget;
use argo_buildkit::metrics::Metrics;
use argo_buildkit::notify::{Notifier, NotifierOptions};
use argo_buildkit::oci::{Auth, LazyClient, Registry};
use argo_buildkit::outcome::{StepError, Success};
use argo_buildkit::pool::Pool;
use argo_buildkit::progress::Progress;
use argo_buildkit::push_gate::PushGate;
use argo_buildkit::step;
use argo_buildkit::write_back::{EDIT_MEMORY, Pusher};
use serde_json::Value;
use tokio::sync::watch;

use super::net::unique;

/// The time of a step.
const TIME: Duration = Duration::from_secs(300);

/// An engine that uses the daemon at `buildkitd`, or the pool of several addresses with commas between them.
pub(crate) fn engine(buildkitd: &str, cluster: Cluster, secrets: Secrets, tenancy: Tenancy) -> Engine {
    let git = Git::new(GitOptions::default()).unwrap();
    Engine {
        pool: Pool::new(buildkitd.split(',').map(|seed| (seed.parse().unwrap(), None)).collect(), 8),
        pusher: Pusher::new(git.clone(), EDIT_MEMORY),
        git,
        secrets,
        secret_rules: SecretRules::default(),
        registry: Registry::new(LazyClient::new(None)),
        logins: Auth::default(),
        forge: Forge::new(ForgeOptions::default()).unwrap(),
        argocd: ArgoCd::new(cluster.clone()),
        cluster,
        notifier: Notifier::new(NotifierOptions::default()).unwrap(),
        metrics: Arc::new(Metrics::new()),
        kept_logs: Budget::new(1 << 20),
        argo_url: None,
        tenancy,
    }
}

/// Runs the step `body` as a workflow of `namespace`.
pub(crate) async fn run(engine: &Engine, namespace: &str, body: &Value) -> Result<Success, StepError> {
    run_behind(engine, namespace, body, Arc::default(), TIME).await
}

/// The same, with a channel that gets the progress.
pub(crate) async fn run_with_progress(
    engine: &Engine,
    namespace: &str,
    body: &Value,
    progress: watch::Sender<Progress>,
) -> Result<Success, StepError> {
    engine.run(step::parse(body).unwrap(), request(namespace, progress, Arc::default(), TIME)).await
}

/// The same with the gate through which it pushes, and with its time.
pub(crate) async fn run_behind(
    engine: &Engine,
    namespace: &str,
    body: &Value,
    gate: Arc<PushGate>,
    time: Duration,
) -> Result<Success, StepError> {
    let progress = watch::Sender::new(Progress::now(""));
    engine.run(step::parse(body).unwrap(), request(namespace, progress, gate, time)).await
}

fn request(
    namespace: &str,
    progress: watch::Sender<Progress>,
    gate: Arc<PushGate>,
    time: Duration,
) -> StepRequest {
    let workflow = Workflow { name: unique("wf"), namespace: namespace.to_owned(), uid: unique("uid") };
    let deadline = tokio::time::Instant::now() + time;
    StepRequest { workflow, reference: None, progress, gate, deadline }
}
