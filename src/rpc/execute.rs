//! The one handler: translate, look up or start, translate back. It does no work.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Door;
use super::wire::{NodePhase, Reply, Request};
use crate::duration::parse_timeout;
use crate::engine::{Errand, Workflow};
use crate::jobs::{Ending, JobContext, JobKey, JobSpec, Phase, View};
use crate::outcome::{Fault, Outputs};
use crate::step;

/// The shortest and the longest wait until the agent asks again.
const REQUEUE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// `POST /api/v1/template.execute`.
pub(super) async fn execute(State(door): State<Door>, body: Bytes) -> Response {
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return not_a_request(&error),
    };
    let Some(step) = request.step() else {
        return Json(Reply::not_ours()).into_response();
    };
    let key = JobKey::derive(&request.workflow.metadata.uid, &request.template);
    let view = match door.jobs.poll(&key) {
        Some(view) => view,
        None => match spec(&door, &request, step, &key) {
            Ok(spec) => door.jobs.poll_or_start(&key, spec),
            Err(invalid) => return Json(Reply::failed(invalid)).into_response(),
        },
    };
    match view {
        Ok(view) => Json(reply(&view, &request)).into_response(),
        Err(draining) => (StatusCode::SERVICE_UNAVAILABLE, draining.to_string()).into_response(),
    }
}

/// Every other path: nothing that this plugin does.
pub(super) async fn not_ours() -> Response {
    Json(Reply::not_ours()).into_response()
}

fn not_a_request(error: &serde_json::Error) -> Response {
    let said =
        format!("the body is not an ExecuteTemplateArgs object: {error}; only Argo's agent should call this");
    (StatusCode::BAD_REQUEST, said).into_response()
}

/// The job that the request asks for, or what is wrong with it.
fn spec(door: &Door, request: &Request, body: &serde_json::Value, key: &JobKey) -> Result<JobSpec, String> {
    let step = step::parse(body).map_err(|e| e.to_string())?;
    step.check_declared(&request.declared()).map_err(|e| e.to_string())?;
    let limit = request.timeout().map_or(Ok(door.default_timeout), parse_timeout)?;
    let metadata = &request.workflow.metadata;
    let workflow = Workflow {
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        uid: metadata.uid.clone(),
    };
    let (engine, reference) = (door.engine.clone(), Some(key.to_string()));
    let held = door.watches.hold(&workflow, key);
    Ok(JobSpec::new(limit, async move |job: JobContext| {
        let _held = held;
        let JobContext { progress, gate, deadline } = job;
        engine.run(step, Errand { workflow, reference, progress, gate, deadline }).await
    }))
}

/// A job's view in Argo's terms.
fn reply(view: &View, request: &Request) -> Reply {
    match &view.phase {
        Phase::Queued(place) => {
            let message = format!("waiting for a free slot, number {place} in the queue");
            Reply::ongoing(NodePhase::Pending, message, requeue(view.elapsed))
        }
        Phase::Running(progress) => {
            Reply::ongoing(NodePhase::Running, progress.line(view.elapsed), requeue(view.elapsed))
        }
        Phase::Done(ending) => ended(ending, request),
    }
}

/// The end of a job. Declared outputs are all there, or a dependent task would hang.
fn ended(ending: &Ending, request: &Request) -> Reply {
    match ending {
        Ok(success) => {
            let declared = request.declared().into_iter().map(|name| (name, String::new()));
            let mut outputs: Outputs = declared.collect();
            outputs.extend(success.outputs.clone());
            Reply::ended(NodePhase::Succeeded, success.summary.clone(), outputs, None)
        }
        Err(error) => {
            let phase = if error.fault == Fault::User { NodePhase::Failed } else { NodePhase::Error };
            Reply::ended(phase, error.message.clone(), error.outputs.clone(), error.exit_code)
        }
    }
}

/// A fifth of what the job has taken so far: the wait never adds more than that to it.
fn requeue(elapsed: Duration) -> Duration {
    (elapsed / 5).clamp(REQUEUE.0, REQUEUE.1)
}
