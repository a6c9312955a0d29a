//! Submits the Workflow that builds a commit of a service.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::Retryable as _;
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Span, warn};

use super::Engine;
use super::context::Cx;
use crate::git::RepoUrl;
use crate::kube::{Submission, SubmitError, Submitted, Submitter};
use crate::outcome::{Fault, StepError};
use crate::selection::{GitRef, LINE_LABEL, SERVICE_LABEL, image_tag, line, workflow_name};
use crate::step::WorkflowCall;
use crate::telemetry;
use crate::time_limits::pauses;

/// How long the API server is waited for: it restarts now and then.
const AWAY: Duration = Duration::from_secs(60);

/// A commit of a service that is to be built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) service: &'a str,
    pub(super) repo: &'a RepoUrl,
    pub(super) git_ref: &'a GitRef,
    pub(super) commit: &'a str,
    /// Why it is built.
    pub(super) reason: &'a str,
    /// When the push was announced, if another Workflow decided about it.
    pub(super) pushed_at: Option<Timestamp>,
}

impl Wish<'_> {
    /// The name of the Workflow.
    pub(super) fn name(&self) -> String {
        workflow_name(self.service, self.git_ref, self.commit)
    }

    /// The Workflow `name`: `call` with what the push decides.
    fn submission(&self, name: String, call: &WorkflowCall) -> Submission {
        let parameters = self.parameters(call);
        let mut labels = BTreeMap::from([(SERVICE_LABEL.to_owned(), self.service.to_owned())]);
        // The templates have it in `workflowMetadata` too, but Argo does not apply that to a workflow that waits for
        // `parallelism`, and a newer one would not find this one.
        if let (Some(repo), Some(image)) = (parameters.get("repo"), parameters.get("image")) {
            labels.insert(LINE_LABEL.to_owned(), line(repo, &self.git_ref.full_name(), image));
        }
        Submission {
            name,
            template: call.template.clone(),
            parameters,
            labels,
            reason: self.reason.to_owned(),
            pushed_at: self.pushed_at,
            // The Workflow continues the trace of the step that submits it.
            traceparent: telemetry::traceparent(&Span::current()),
        }
    }

    fn parameters(&self, call: &WorkflowCall) -> BTreeMap<String, String> {
        let mut parameters = call.parameters.clone();
        let mut set = |name: &str, value: String| drop(parameters.insert(name.to_owned(), value));
        set("revision", self.commit.to_owned());
        set("git-ref", self.git_ref.full_name());
        let tag = image_tag(self.git_ref, self.commit);
        if !tag.is_empty() {
            set("image-tag", tag);
        }
        // The decision is made: the Workflow need not make it again.
        parameters.remove("before");
        parameters.entry("repo".to_owned()).or_insert_with(|| self.repo.to_string());
        parameters
    }
}

impl Engine {
    /// A submitter to the namespace of the step's workflow.
    pub(super) async fn submitter(&self, cx: &Cx) -> Result<Submitter, StepError> {
        Ok(self.cluster.submitter(&cx.workflow.namespace).await?)
    }
}

/// When the push was announced that the step's own Workflow is about, by the clock of the API server. `None` if there is no such
/// Workflow, or if it may not be read: then what it submits counts as pushed when it was submitted.
pub(super) async fn pushed_at(submitter: &Submitter, cx: &Cx) -> Result<Option<Timestamp>, StepError> {
    let begun = Instant::now();
    let find = || submitter.find(&cx.workflow.name);
    let away = |error: &SubmitError| error.fault() == Fault::Transient && begun.elapsed() < AWAY;
    match find.retry(pauses::few().without_max_times()).when(away).await {
        Err(error) if error.fault() == Fault::Transient => Err(error.into()),
        found => Ok(found.ok().flatten().and_then(|found| found.pushed)),
    }
}

/// Submits the Workflow of `wish`, unless it exists. A request that has started is waited for when the step is stopped, as a
/// push is; the pauses between tries are not.
pub(super) async fn submit(
    submitter: &Submitter,
    cx: &Cx,
    wish: Wish<'_>,
    call: &WorkflowCall,
) -> Result<Submitted, StepError> {
    submit_as(submitter, cx, wish.name(), wish, call).await
}

/// The same under another name.
pub(super) async fn submit_as(
    submitter: &Submitter,
    cx: &Cx,
    name: String,
    wish: Wish<'_>,
    call: &WorkflowCall,
) -> Result<Submitted, StepError> {
    let submission = wish.submission(name, call);
    let begun = Instant::now();
    let once = || async {
        match cx.gate.enter() {
            Some(_permit) => submitter.submit(&submission).await.map_err(Some),
            None => Err(None),
        }
    };
    let away = |error: &Option<SubmitError>| {
        error.as_ref().is_some_and(|error| error.fault() == Fault::Transient) && begun.elapsed() < AWAY
    };
    let told = |error: &Option<SubmitError>, pause: Duration| {
        if let Some(error) = error {
            warn!(pause_ms = pause.as_millis(), "{error}; trying again");
        }
    };
    let submitted = once.retry(pauses::few().without_max_times()).when(away).notify(told).await;
    submitted.map_err(|error| match error {
        Some(error) => error.into(),
        None => StepError::transient(format!(
            "workflow `{}` was not submitted, because the step was stopped before; run the step again",
            submission.name
        )),
    })
}
