//! The operator's endpoints, on a listener of their own: the plugin's port belongs to Argo's agent.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::jobs::JobTable;
use crate::limits::descriptors::{Descriptors, FOR_A_STEP};
use crate::metrics::Metrics;

/// The state of the endpoints.
#[derive(Clone)]
pub struct Ops {
    /// The jobs whose number and drain are reported.
    pub jobs: JobTable,
    /// The metrics that `/metrics` prints.
    pub metrics: Arc<Metrics>,
}

/// `/healthz` (the process answers), `/readyz` (it takes steps), `/metrics` (Prometheus text).
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(ops)
}

async fn ready(State(ops): State<Ops>) -> (StatusCode, String) {
    let why_not = if ops.jobs.is_draining() {
        Some("draining: no new steps are taken".to_owned())
    } else {
        Descriptors::count().and_then(too_few)
    };
    match why_not {
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        None => (StatusCode::OK, "ok\n".to_owned()),
    }
}

/// The reason why a step that starts now would fail, if there is one.
fn too_few(descriptors: Descriptors) -> Option<String> {
    let (free, limit) = (descriptors.free(), descriptors.limit);
    (free < FOR_A_STEP).then(|| {
        format!(
            "out of file descriptors: {free} of {limit} are free, and a step needs {FOR_A_STEP}; \
            raise the limit (`ulimit -n`) or lower --max-running"
        )
    })
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let (queued, running) = ops.jobs.load();
    match ops.metrics.encode(queued, running) {
        Ok(text) => ([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Counts the answers of the plugin's port.
pub(super) async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    metrics.answered(response.status().as_u16());
    response
}
