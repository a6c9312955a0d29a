//! The operator's endpoints, on their own listener: never on the plugin's port, which the agent owns.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::jobs::JobTable;
use crate::metrics::Metrics;

/// What the endpoints report on.
#[derive(Clone)]
pub struct Ops {
    /// Whose load and drain are reported.
    pub jobs: JobTable,
    /// What `/metrics` prints.
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

async fn ready(State(ops): State<Ops>) -> (StatusCode, &'static str) {
    if ops.jobs.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining: no new steps are taken\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let (queued, running) = ops.jobs.load();
    match ops.metrics.encode(queued, running) {
        Ok(text) => ([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Counts what the plugin's port answers.
pub(super) async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    metrics.answered(response.status().as_u16());
    response
}
