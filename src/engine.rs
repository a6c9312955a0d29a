//! Runs each kind of step. This is orchestration only; the work is in the clients below.

mod background;
pub(crate) mod binding;
mod build;
pub(crate) mod cache;
mod certificates;
mod commit_status;
mod context;
mod credentials;
mod failures;
pub(crate) mod image_keys;
mod node_secrets;
mod notify;
mod opened_keys;
mod parallel_progress;
mod poll;
mod prefetch;
mod push;
mod push_change;
mod sanitize;
mod secret_rules;
mod select;
mod sign;
mod steps;
mod submission;
mod supersede;
mod sync;
pub(crate) mod tags;
mod tenancy;
mod trace;
mod update_manifest;
mod verify;

use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tracing::{Instrument, Span, info, info_span, warn};

use crate::argocd::ArgoCd;
use crate::forge::Forge;
use crate::git::Git;
use crate::kube::{Cluster, Secrets};
use crate::limits::Budget;
use crate::metrics::{Metrics, StepOutcome};
use crate::notify::Notifier;
use crate::oci::{Auth, Registry};
use crate::outcome::{Fault, StepError, Success};
use crate::pool::Pool;
use crate::progress::Progress;
use crate::push_gate::PushGate;
use crate::step::{Kind, Step, kinds};
use crate::telemetry;
use crate::write_back::Pusher;
use context::Cx;
pub(crate) use credentials::{git_login, registry_logins, wanted_of};

pub use certificates::certificates_in;
pub use secret_rules::SecretRules;
pub use tenancy::Tenancy;

/// The workflow that a step belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// The workflow's name.
    pub name: String,
    /// The workflow's namespace, which also contains the Secrets that its steps name.
    pub namespace: String,
    /// The workflow's uid.
    pub uid: String,
}

impl Workflow {
    /// The name with the namespace.
    fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The workflow's page in Argo's UI, whose address is `argo_url`.
    fn page(&self, argo_url: &str) -> String {
        format!("{}/workflows/{}?uid={}", argo_url.trim_end_matches('/'), self.full_name(), self.uid)
    }
}

/// The name of a step's builds at buildkitd. It is the same after a restart. It is also the same for a retry, so a failure in
/// buildkitd's history is not used as the result, and the build runs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(pub String);

/// The input of a step besides its own fields.
pub struct StepRequest {
    /// The workflow that the step belongs to.
    pub workflow: Workflow,
    /// The name of the step's builds at buildkitd. Without a reference no build is resumed.
    pub reference: Option<Reference>,
    /// Receives the step's progress.
    pub progress: watch::Sender<Progress>,
    /// The gate that a step enters before a push and holds until the push ends.
    pub gate: Arc<PushGate>,
    /// The step's deadline. The step begins nothing that would end later.
    pub deadline: tokio::time::Instant,
}

/// Runs steps with the clients of one process. No client connects before its first use.
pub struct Engine {
    /// The build daemons.
    pub pool: Pool,
    /// Git servers.
    pub git: Git,
    /// Puts commits on branches.
    pub pusher: Pusher,
    /// The Kubernetes API.
    pub cluster: Cluster,
    /// The Secrets that steps name.
    pub secrets: Secrets,
    /// The rules for which Secret may be used for what.
    pub secret_rules: SecretRules,
    /// Registries.
    pub registry: Registry,
    /// The registry logins of a step that names no Secret with them. Empty in the services.
    pub logins: Auth,
    /// The APIs of Git forges.
    pub forge: Forge,
    /// Argo CD.
    pub argocd: ArgoCd,
    /// Chats and webhooks.
    pub notifier: Notifier,
    /// The metrics of this process.
    pub metrics: Arc<Metrics>,
    /// The memory budget for logs that wait for their upload to a registry.
    pub kept_logs: Budget,
    /// The URL of Argo's UI, for links to a workflow.
    pub argo_url: Option<String>,
    /// The namespaces that this process serves, and what their steps may name.
    pub tenancy: Tenancy,
}

impl Engine {
    /// Runs `step` to its end. Dropping the future stops the step: running solves are cancelled, and pending pushes
    /// do not start. The result contains no secret that the step read.
    pub async fn run(&self, step: Step, request: StepRequest) -> Result<Success, StepError> {
        let cx = Cx::new(request);
        trace::begin(self, &cx).await;
        let mut ended = self.step(&step, &cx).await;
        if let Ok(success) = &mut ended {
            cx.settle(&mut success.outputs).await;
        }
        ended
    }

    /// Runs one step in its own span, and counts it in the metrics.
    async fn step(&self, step: &Step, cx: &Cx) -> Result<Success, StepError> {
        let kind = step.kind();
        let span = span(kind, cx);
        trace::describe(&span, self, step, cx);
        let (started, outcome) = (Instant::now(), None);
        let mut counted = Counted { metrics: &self.metrics, kind, cx, span: span.clone(), started, outcome };
        let work = async {
            let ended = match self.permits(&cx.workflow.namespace, step) {
                Ok(()) => self.work(step, cx).await,
                Err(refused) => Err(refused),
            };
            // Check the outputs before any other code uses them. An output may become the next step's commit message.
            let ended = sanitize::checked(ended, kind, &cx.redactor);
            if cx.is_outermost() {
                log(&ended, counted.started);
            }
            ended
        };
        let ended = work.instrument(span).await;
        trace::conclude(&counted.span, kind, &ended);
        counted.outcome = Some(match &ended {
            Ok(_) => StepOutcome::Succeeded,
            Err(error) if error.fault == Fault::User => StepOutcome::Failed,
            Err(_) => StepOutcome::Error,
        });
        ended
    }

    /// Works on a step. The boxed type lets the compiler check each kind's future on its own.
    fn work<'a>(&'a self, step: &'a Step, cx: &'a Cx) -> BoxFuture<'a, Result<Success, StepError>> {
        macro_rules! run {
            ($($(#[$doc:meta])* $kind:ident in $file:ident;)*) => {
                match step {
                    $(Step::$kind(step) => $file::run(self, step, cx).boxed(),)*
                }
            };
        }
        kinds!(run)
    }
}

/// The span of a step. Only the outermost span names the workflow.
fn span(kind: Kind, cx: &Cx) -> Span {
    if !cx.is_outermost() {
        return info_span!("step", otel.name = %kind, step.kind = %kind);
    }
    let span = info_span!(
        "job",
        otel.name = %kind,
        step.kind = %kind,
        workflow.name = %cx.workflow.name,
        workflow.namespace = %cx.workflow.namespace,
        workflow.uid = %cx.workflow.uid,
        job = cx.job(),
    );
    telemetry::join_workflow(&span, &cx.workflow.uid);
    span
}

fn log(ended: &Result<Success, StepError>, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    match ended {
        Ok(success) => info!(seconds, "{}", success.summary),
        Err(error) => warn!(seconds, fault = ?error.fault, "{}", error.message),
    }
}

/// Counts a step when it has ended. A step whose future was dropped counts as cancelled.
struct Counted<'a> {
    metrics: &'a Metrics,
    kind: Kind,
    cx: &'a Cx,
    span: Span,
    started: Instant,
    outcome: Option<StepOutcome>,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(StepOutcome::Cancelled);
        trace::ended(&self.span, self.cx, outcome);
        let trace_id = telemetry::trace_id(&self.cx.workflow.uid);
        self.metrics.step_ended(self.kind.name(), outcome, self.started.elapsed(), trace_id);
    }
}
