//! What the spans of steps say, by OpenTelemetry's semantic conventions for CI/CD (`cicd.*`) and for version control systems
//! (`vcs.*`).

use std::time::SystemTime;

use tracing::{Span, debug};

use super::Engine;
use super::context::Cx;
use crate::git::RepoUrl;
use crate::kube::WorkflowOrigin;
use crate::metrics::StepOutcome;
use crate::outcome::{Fault, StepError, Success};
use crate::step::{Kind, Step};
use crate::telemetry::{self, Run, RunResult, TraceOrigin};

const TASK_TYPE: &str = "cicd.pipeline.task.type";
const REPOSITORY: &str = "vcs.repository.url.full";
const HEAD_NAME: &str = "vcs.ref.head.name";
const HEAD_REVISION: &str = "vcs.ref.head.revision";

type Attributes = Vec<(&'static str, String)>;

/// Begins the trace of the step's workflow, if traces are sent and this is the workflow's first step in this process.
/// What the Workflow says about its origin decides which trace that is; if the Workflow cannot be read, its uid does.
pub(super) async fn begin(engine: &Engine, cx: &Cx) {
    let workflow = &cx.workflow;
    if !telemetry::sends_traces() || telemetry::knows_run(&workflow.uid) {
        return;
    }
    let origin = origin(engine, cx).await;
    let run = Run {
        uid: workflow.uid.clone(),
        name: workflow.name.clone(),
        namespace: workflow.namespace.clone(),
        template: origin.template,
        url: engine.argo_url.as_deref().map(|url| workflow.page(url)),
        created: origin.created.map(SystemTime::from),
    };
    let (traceparent, delivery) = (origin.traceparent, origin.delivery);
    telemetry::begin_run(run, &TraceOrigin { traceparent, delivery });
}

async fn origin(engine: &Engine, cx: &Cx) -> WorkflowOrigin {
    let workflow = &cx.workflow;
    // At a terminal there is no Workflow.
    if cx.job().is_none() {
        return WorkflowOrigin::default();
    }
    let asked = engine.cluster.workflow_origin(&workflow.namespace, &workflow.name).await;
    let found = asked.unwrap_or_else(|error| {
        debug!("the uid of workflow `{}` is the id of its trace: {error}", workflow.full_name());
        None
    });
    // Another Workflow may have the name by now.
    found.filter(|found| found.uid == workflow.uid).unwrap_or_default()
}

/// Says in `span` which task of the pipeline the step is, and what it works on.
pub(super) fn describe(span: &Span, engine: &Engine, step: &Step, cx: &Cx) {
    let name = cx.step.clone().unwrap_or_else(|| step.kind().name().to_owned());
    let url =
        engine.argo_url.as_deref().map(|url| ("cicd.pipeline.task.run.url.full", cx.workflow.page(url)));
    let id = cx.job().map(|job| ("cicd.pipeline.task.run.id", job.to_owned()));
    let named = [("cicd.pipeline.task.name", name)].into_iter();
    telemetry::set(span, named.chain(id).chain(url).chain(subject(step)));
}

/// The repository that a step reads or writes, and where in it.
fn subject(step: &Step) -> Attributes {
    match step {
        Step::Build(build) => {
            let name = Some(&build.context.revision).filter(|revision| !is_commit(revision));
            let name = name.map(|name| (HEAD_NAME, name.clone()));
            let fixed = [(TASK_TYPE, "build".to_owned()), (REPOSITORY, url(&build.context.repo))];
            fixed.into_iter().chain(name).collect()
        }
        Step::UpdateManifest(update) => vec![
            (TASK_TYPE, "deploy".to_owned()),
            (REPOSITORY, url(&update.repo)),
            (HEAD_NAME, update.branch.clone()),
        ],
        Step::Sync(sync) => {
            let repository = sync.gitops.as_ref().map(|gitops| (REPOSITORY, url(&gitops.repo)));
            let commit = sync.commit.clone().map(|commit| (HEAD_REVISION, commit));
            [(TASK_TYPE, "deploy".to_owned())].into_iter().chain(repository).chain(commit).collect()
        }
        _ => Attributes::new(),
    }
}

/// The conventions want the address without `.git`.
fn url(repo: &RepoUrl) -> String {
    let url = repo.to_string();
    url.strip_suffix(".git").map(str::to_owned).unwrap_or(url)
}

fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Says in `span` what the step has made, or why it failed. `ended` holds no secret.
pub(super) fn conclude(span: &Span, kind: Kind, ended: &Result<Success, StepError>) {
    match ended {
        Ok(success) => telemetry::set(span, made(kind, success)),
        Err(error) => {
            let class = match error.fault {
                Fault::User => "user",
                Fault::Transient => "server",
                Fault::Ours => "bug",
            };
            telemetry::fail(span, class, &error.message);
        }
    }
}

/// What outputs become attributes: the commit that a step built from, or has written, and how a wait ended.
fn made(kind: Kind, success: &Success) -> Attributes {
    let names: &[(&str, &'static str)] = match kind {
        Kind::Build => &[("revision", HEAD_REVISION), ("image", "argo_buildkit.image")],
        Kind::UpdateManifest => &[("commit", HEAD_REVISION), ("changed", "argo_buildkit.changed")],
        Kind::Sync => &[
            ("outcome", "argo_buildkit.sync.outcome"),
            ("deployed", "argo_buildkit.sync.deployed"),
            ("health", "argo_buildkit.sync.health"),
        ],
        _ => &[],
    };
    let value = |output: &str| success.outputs.get(output).filter(|value| !value.is_empty()).cloned();
    names.iter().filter_map(|(output, attribute)| Some((*attribute, value(output)?))).collect()
}

/// Says in `span` how the step ended, also if it was stopped. The outermost step of a node counts for its workflow.
pub(super) fn ended(span: &Span, cx: &Cx, outcome: StepOutcome) {
    let result = match outcome {
        StepOutcome::Succeeded => RunResult::Success,
        StepOutcome::Failed => RunResult::Failure,
        StepOutcome::Error => RunResult::Error,
        StepOutcome::Cancelled => RunResult::Cancellation,
    };
    telemetry::set(span, [("cicd.pipeline.task.run.result", result.name().to_owned())]);
    if cx.is_outermost() {
        telemetry::step_ended(&cx.workflow.uid, cx.job().unwrap_or_default(), result);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;
    use crate::step;

    fn subject_of(body: serde_json::Value) -> Attributes {
        subject(&step::parse(&body).unwrap())
    }

    #[test]
    fn a_span_names_the_repository_and_the_place_in_it() {
        let commit = "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d";
        let build = |revision: &str| {
            let context = json!({"repo": "https://git.example.com/shop/api.git", "revision": revision});
            subject_of(json!({"build": {"context": context, "tags": "r.example.com/shop/api:1"}}))
        };
        let (kind, repo) =
            ((TASK_TYPE, "build".to_owned()), (REPOSITORY, "https://git.example.com/shop/api".to_owned()));
        assert_eq!(build(commit), [kind.clone(), repo.clone()]);
        assert_eq!(build("main"), [kind, repo, (HEAD_NAME, "main".to_owned())]);
        let sync = subject_of(
            json!({"sync": {"applications": "api", "commit": commit, "images": "r.example.com/api:1"}}),
        );
        assert_eq!(sync, [(TASK_TYPE, "deploy".to_owned()), (HEAD_REVISION, commit.to_owned())]);
        assert!(subject_of(json!({"supersede": {}})).is_empty());
    }

    #[test]
    fn an_output_that_is_empty_is_no_attribute() {
        let outputs = [("commit", commit()), ("changed", String::new()), ("diff", "+b".to_owned())];
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value)).into();
        let success = Success { summary: String::new(), outputs };
        assert_eq!(made(Kind::UpdateManifest, &success), [(HEAD_REVISION, commit())]);
    }

    fn commit() -> String {
        "b".repeat(40)
    }
}
