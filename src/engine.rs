//! What each step kind does: orchestration only. The work is in the clients below.

mod ahead;
mod aside;
pub(crate) mod binding;
mod build;
mod certificates;
mod context;
mod credentials;
mod failures;
mod leaving;
mod node_secrets;
mod secret_rules;
mod steps;
mod supersede;
mod tenancy;
mod update_manifest;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tracing::{Instrument, Span, info, info_span, warn};

use crate::argocd::ArgoCd;
use crate::buildkit::Buildkit;
use crate::forge::Forge;
use crate::git::Git;
use crate::kube::{Cluster, Secrets};
use crate::limits::Budget;
use crate::metrics::{Metrics, Outcome};
use crate::oci::Registry;
use crate::outcome::{Fault, StepError, Success};
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
    /// Its name.
    pub name: String,
    /// Its namespace: that of the Secrets which its steps name.
    pub namespace: String,
    /// Its uid: its trace id.
    pub uid: String,
}

/// What a step's builds are called at buildkitd: after a restart, the same step has the same one. A retry has it too, so a failure that
/// buildkitd remembers is no answer, and the build is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(pub String);

/// What a step is given beside its own fields.
pub struct StepRequest {
    /// Whose step it is.
    pub workflow: Workflow,
    /// What its builds are called at buildkitd. Without a reference nothing is resumed.
    pub reference: Option<Reference>,
    /// Where it says what it is doing.
    pub progress: watch::Sender<Progress>,
    /// Passed before a push, and held while it is in flight.
    pub gate: Arc<PushGate>,
    /// When it is given up: nothing is begun that would end later.
    pub deadline: tokio::time::Instant,
}

/// The clients of one process, and what runs steps with them. None of them connects before it is asked.
pub struct Engine {
    /// The build daemon.
    pub buildkit: Buildkit,
    /// Git servers.
    pub git: Git,
    /// Puts commits on branches.
    pub pusher: Pusher,
    /// The Kubernetes API.
    pub cluster: Cluster,
    /// The Secrets that steps name.
    pub secrets: Secrets,
    /// Which of them may be used for what.
    pub secret_rules: SecretRules,
    /// Registries.
    pub registry: Registry,
    /// The APIs of Git forges.
    pub forge: Forge,
    /// Argo CD.
    pub argocd: ArgoCd,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What the logs may occupy that are kept until they are in a registry.
    pub kept_logs: Budget,
    /// Where Argo's UI is, for links to a workflow.
    pub argo_url: Option<String>,
    /// Whose work is done, and what it may name.
    pub tenancy: Tenancy,
}

impl Engine {
    /// Runs `step` to its end. Dropping the future stops it: solves are cancelled, pushes that have not
    /// started do not start. No secret that the step read is in what comes back.
    pub async fn run(&self, step: Step, request: StepRequest) -> Result<Success, StepError> {
        let cx = Cx::new(request);
        let mut ended = self.step(&step, &cx).await;
        if let Ok(success) = &mut ended {
            cx.settle(&mut success.outputs).await;
        }
        ended
    }

    /// Runs one step in a span of its own, and counts it.
    async fn step(&self, step: &Step, cx: &Cx) -> Result<Success, StepError> {
        let kind = step.kind();
        let span = span(kind, cx);
        let mut counted = Counted { metrics: &self.metrics, kind, started: Instant::now(), outcome: None };
        let work = async {
            let ended = match self.permits(&cx.workflow.namespace, step) {
                Ok(()) => self.work(step, cx).await,
                Err(refused) => Err(refused),
            };
            // Before anybody else sees it: an output may become the next step's commit message.
            let ended = leaving::checked(ended, kind, &cx.redactor);
            if cx.is_outermost() {
                log(&ended, counted.started);
            }
            ended
        };
        let ended = work.instrument(span).await;
        counted.outcome = Some(match &ended {
            Ok(_) => Outcome::Succeeded,
            Err(error) if error.fault == Fault::User => Outcome::Failed,
            Err(_) => Outcome::Error,
        });
        ended
    }

    async fn work(&self, step: &Step, cx: &Cx) -> Result<Success, StepError> {
        macro_rules! run {
            ($($(#[$doc:meta])* $kind:ident in $file:ident;)*) => {
                match step {
                    $(Step::$kind(step) => Box::pin($file::run(self, step, cx)).await,)*
                }
            };
        }
        kinds!(run)
    }
}

/// The span of a step; the outermost one says whose it is, those inside it need not.
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

/// Counts a step once it has ended; one whose future was dropped was cancelled.
struct Counted<'a> {
    metrics: &'a Metrics,
    kind: Kind,
    started: Instant,
    outcome: Option<Outcome>,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(Outcome::Cancelled);
        self.metrics.step_ended(self.kind.name(), outcome, self.started.elapsed());
    }
}
