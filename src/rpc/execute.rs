//! The only handler: it translates the request, looks up or starts the job, and translates its view back. It does no
//! work itself.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::PluginServer;
use super::wire::{ExecuteRequest, Reply};
use crate::argo::NodeResult;
use crate::engine::{Reference, StepRequest, Workflow};
use crate::jobs::{JobContext, JobKey, JobSpec, Phase, View};
use crate::templates::stable_template;
use crate::text;

/// The shortest and the longest time until the agent polls again.
const REQUEUE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Larger bodies are parsed outside the runtime's threads, so that other requests are answered meanwhile.
const AT_ONCE: usize = 64 << 10;

/// The number of larger bodies that are parsed at a time: one takes a hundred megabytes of memory at worst.
static LARGE: Semaphore = Semaphore::const_new(2);

/// `POST /api/v1/template.execute`.
pub(super) async fn execute(State(server): State<PluginServer>, body: Bytes) -> Response {
    if body.len() <= AT_ONCE {
        return answer(&server, &body);
    }
    // The semaphore is never closed.
    let _turn = LARGE.acquire().await;
    let read = tokio::task::spawn_blocking(move || answer(&server, &body)).await;
    read.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn answer(server: &PluginServer, body: &[u8]) -> Response {
    let request: ExecuteRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return not_a_request(&error),
    };
    let Some(step) = request.template.step() else {
        return Json(Reply::not_ours()).into_response();
    };
    let key = JobKey::derive(&request.workflow.metadata.uid, &stable_template(&request.template.0));
    let view = match server.jobs.poll(&key) {
        Some(view) => view,
        None => match spec(server, &request, step, &key) {
            Ok(spec) => server.jobs.poll_or_start(&key, spec),
            Err(invalid) => return Json(Reply::ended(NodeResult::failed(invalid))).into_response(),
        },
    };
    match view {
        Ok(view) => {
            // Argo's agent does not poll a node that has ended (`executor/agent.go`). So this request is for another
            // node with the same template: a retry.
            if matches!(&view.phase, Phase::Done(ending) if ending.is_err()) {
                server.jobs.forget(&key);
            }
            Json(reply(&view, &request)).into_response()
        }
        Err(draining) => (StatusCode::SERVICE_UNAVAILABLE, draining.to_string()).into_response(),
    }
}

/// Answers every other path, which this plugin does not serve.
pub(super) async fn not_ours() -> Response {
    Json(Reply::not_ours()).into_response()
}

fn not_a_request(error: &serde_json::Error) -> Response {
    let error = text::brief(&error.to_string(), 300);
    let said =
        format!("the body is not an ExecuteTemplateArgs object: {error}; only Argo's agent should call this");
    (StatusCode::BAD_REQUEST, said).into_response()
}

/// Makes the job of the request, or returns what is wrong with the request.
fn spec(
    server: &PluginServer,
    request: &ExecuteRequest,
    body: &serde_json::Value,
    key: &JobKey,
) -> Result<JobSpec, String> {
    let task = request.template.timed_step(body, server.default_timeout)?;
    let metadata = &request.workflow.metadata;
    let workflow = Workflow {
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        uid: metadata.uid.clone(),
    };
    let reference = Some(Reference(key.to_string()));
    let engine = server.engine.clone();
    let held = server.watches.watch_job(&workflow, key);
    Ok(JobSpec::new(task.limit, async move |job: JobContext| {
        let _held = held;
        let JobContext { progress, gate, deadline } = job;
        engine.run(task.step, StepRequest { workflow, reference, progress, gate, deadline }).await
    }))
}

/// Converts the view of a job to Argo's reply.
fn reply(view: &View, request: &ExecuteRequest) -> Reply {
    let node = NodeResult::of(view, &request.template.declared());
    match &view.phase {
        Phase::Held | Phase::Queued(_) | Phase::Running(_) => Reply::ongoing(node, requeue(view.elapsed)),
        Phase::Done(_) => Reply::ended(node),
    }
}

/// The time until the next poll: a fifth of the job's running time so far, so that the wait never adds more than that
/// to it.
fn requeue(elapsed: Duration) -> Duration {
    (elapsed / 5).clamp(REQUEUE.0, REQUEUE.1)
}
