//! The runs of workflows that this process has steps of, and the span of each: the root of what we know of a trace.
//!
//! Its steps name that span as their parent from the first on, since its id follows from the workflow. It is sent once,
//! when the workflow has ended, because OTLP has no message for a span that has only begun.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::SystemTime;

use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};

use super::SCOPE;
use super::ids::with_ids;
use super::run_ids::{RunIds, TraceOrigin};

/// The most runs that are open at a time. Those of further workflows get no span of their own; their steps do.
const MOST: usize = 10_000;

/// The most steps whose results are kept for one run.
const MOST_STEPS: usize = 1000;

/// A run of a workflow, as its span shows it.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// The uid of the Workflow.
    pub uid: String,
    /// The name of the Workflow.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The WorkflowTemplate that it runs, if it runs one.
    pub template: Option<String>,
    /// Its page in Argo's UI, if that is known.
    pub url: Option<String>,
    /// When it was created, if that is known.
    pub created: Option<SystemTime>,
}

/// How a step or a run ended, from the best to the worst. The names are those of `cicd.pipeline.result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunResult {
    /// It succeeded.
    Success,
    /// It was stopped.
    Cancellation,
    /// The user must act.
    Failure,
    /// A server failed, or there is a bug.
    Error,
}

impl RunResult {
    /// Its name (OpenTelemetry's semantic conventions for CI/CD).
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Cancellation => "cancellation",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }

    fn is_error(self) -> bool {
        matches!(self, Self::Failure | Self::Error)
    }
}

struct OpenRun {
    run: Run,
    ids: RunIds,
    delivery: Option<String>,
    began: SystemTime,
    /// The result of each step's last attempt.
    results: HashMap<String, RunResult>,
}

static OPEN: LazyLock<Mutex<HashMap<String, OpenRun>>> = LazyLock::new(Mutex::default);

fn open() -> MutexGuard<'static, HashMap<String, OpenRun>> {
    OPEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Whether the run of the workflow `uid` has begun.
pub(crate) fn knows_run(uid: &str) -> bool {
    open().contains_key(uid)
}

/// Begins a run. If it has begun, nothing changes: a trace has one id, even if the Workflow's annotations change.
pub(crate) fn begin_run(run: Run, origin: &TraceOrigin) {
    let mut open = open();
    if open.len() >= MOST {
        return;
    }
    let ids = RunIds::of(&run.uid, origin);
    let (delivery, results) = (origin.delivery_id(), HashMap::new());
    let uid = run.uid.clone();
    open.entry(uid).or_insert(OpenRun { run, ids, delivery, began: SystemTime::now(), results });
}

/// The ids of the workflow `uid` in its trace.
pub(super) fn ids(uid: &str) -> RunIds {
    open().get(uid).map_or_else(|| RunIds::of(uid, &TraceOrigin::default()), |run| run.ids)
}

/// The name of the pipeline that the workflow `uid` is a run of: that of its template, or its own.
pub(super) fn pipeline(uid: &str) -> Option<String> {
    open().get(uid).map(|OpenRun { run, .. }| run.template.as_ref().unwrap_or(&run.name).clone())
}

/// Notes how the step `job` of the workflow `uid` ended. A later attempt of the same step counts instead.
pub(crate) fn step_ended(uid: &str, job: &str, result: RunResult) {
    if let Some(OpenRun { results, .. }) = open().get_mut(uid)
        && (results.len() < MOST_STEPS || results.contains_key(job))
    {
        results.insert(job.to_owned(), result);
    }
}

/// Ends the run of the workflow `uid`, and sends its span.
pub(crate) fn end_run(uid: &str) {
    let ended = open().remove(uid);
    if let Some(run) = ended {
        send(run);
    }
}

/// Ends all runs, for a process that lives as long as its workflow.
pub(crate) fn end_runs() {
    let ended = std::mem::take(&mut *open());
    ended.into_values().for_each(send);
}

/// Forgets all runs without a span, for a process whose workflows another one continues.
pub(crate) fn forget_runs() {
    open().clear();
}

fn send(open: OpenRun) {
    // The worst result: an exit handler or a notification succeeds after a failure too.
    let result = open.results.values().copied().max().unwrap_or(RunResult::Cancellation);
    let OpenRun { ids, run, began, .. } = &open;
    let name = run.template.as_ref().map_or_else(|| "RUN".to_owned(), |template| format!("RUN {template}"));
    // The creation time is in whole seconds, and of another clock.
    let started = run.created.map_or(*began, |created| created.min(*began));
    let builder = SpanBuilder::from_name(name)
        .with_kind(SpanKind::Server)
        .with_start_time(started)
        .with_attributes(attributes(&open, result));
    let above = ids.above().map(|above| Context::new().with_remote_span_context(above)).unwrap_or_default();
    let tracer = opentelemetry::global::tracer(SCOPE);
    let mut span = with_ids(ids.trace, ids.span, || tracer.build_with_context(builder, &above));
    if result.is_error() {
        span.set_status(Status::error("a step of the workflow failed"));
    }
    span.end();
}

fn attributes(open: &OpenRun, result: RunResult) -> Vec<KeyValue> {
    let OpenRun { run, delivery, .. } = open;
    let mut attributes = vec![
        KeyValue::new("cicd.pipeline.name", run.template.as_ref().unwrap_or(&run.name).clone()),
        KeyValue::new("cicd.pipeline.run.id", run.uid.clone()),
        KeyValue::new("cicd.pipeline.action.name", "RUN"),
        KeyValue::new("cicd.pipeline.result", result.name()),
        KeyValue::new("workflow.name", run.name.clone()),
        KeyValue::new("workflow.namespace", run.namespace.clone()),
    ];
    if result.is_error() {
        attributes.push(KeyValue::new("error.type", "_OTHER"));
    }
    let optional = [("cicd.pipeline.run.url.full", &run.url), ("argo_buildkit.delivery.id", delivery)];
    attributes
        .extend(optional.into_iter().filter_map(|(name, value)| Some(KeyValue::new(name, value.clone()?))));
    attributes
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn begun(uid: &str, delivery: Option<&str>) {
        let run = Run { uid: uid.to_owned(), name: "api-5e8e".to_owned(), ..Run::default() };
        begin_run(run, &TraceOrigin { traceparent: None, delivery: delivery.map(str::to_owned) });
    }

    #[test]
    fn a_run_keeps_its_trace_while_it_is_open() {
        let (uid, delivery) =
            ("6e0f6ad0-95a2-4a6c-9e1f-2f5f6b0e7c11", "0af76519-16cd-43dd-8448-eb211c80319c");
        begun(uid, Some(delivery));
        // A second delivery changes the annotation.
        begun(uid, Some("1af76519-16cd-43dd-8448-eb211c80319c"));
        assert_eq!(ids(uid).trace.to_string(), delivery.replace('-', ""));
        assert_eq!(pipeline(uid).as_deref(), Some("api-5e8e"));
        end_run(uid);
        assert_eq!(ids(uid).trace.to_string(), uid.replace('-', ""));
    }

    #[test]
    fn the_result_is_the_worst_of_the_last_attempts() {
        let uid = "7e0f6ad0-95a2-4a6c-9e1f-2f5f6b0e7c11";
        begun(uid, None);
        for (job, result) in [
            ("build", RunResult::Error),
            ("build", RunResult::Success),
            ("sync", RunResult::Failure),
            ("notify", RunResult::Success),
        ] {
            step_ended(uid, job, result);
        }
        let run = open().remove(uid).unwrap();
        assert_eq!(run.results["build"], RunResult::Success);
        assert_eq!(run.results.values().copied().max(), Some(RunResult::Failure));
        let attributes = attributes(&run, RunResult::Failure);
        let value =
            |name: &str| attributes.iter().find(|one| one.key.as_str() == name).unwrap().value.to_string();
        assert_eq!(
            (value("cicd.pipeline.result"), value("cicd.pipeline.run.id")),
            ("failure".into(), uid.into())
        );
    }
}
