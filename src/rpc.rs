//! Argo's executor-plugin RPC, and the operator's endpoints beside it.
//!
//! Source of the protocol: argo-workflows `workflow/executor/agent.go`, `workflow/util/plugin/plugin.go`,
//! `pkg/plugins/executor`. One method is called: `POST /api/v1/template.execute`. Any status but 200 and
//! 503 fails the node, and 404 disables the method for the agent's life, so neither is ever an answer
//! to a user's mistake.

mod execute;
mod ops;
mod token;
mod watches;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::post;

pub use ops::{Ops, router as ops_router};
pub use token::{BearerToken, TokenError};
pub use watches::Watches;

use crate::engine::Engine;
use crate::jobs::JobTable;
use crate::metrics::Metrics;

/// The largest request body that is accepted, in bytes. etcd, where the template comes from, accepts 1.5 MiB.
const BODY_LIMIT: usize = 4 << 20;

/// The state of the handler.
#[derive(Clone)]
pub struct PluginServer {
    /// The jobs that requests poll and start.
    pub jobs: JobTable,
    /// Stops the jobs that Argo no longer waits for.
    pub watches: Watches,
    /// Runs the steps.
    pub engine: Arc<Engine>,
    /// The counters of answers.
    pub metrics: Arc<Metrics>,
    /// The time limit of a step whose template has no `timeout`.
    pub default_timeout: std::time::Duration,
}

/// The plugin's router. Without a token, every caller is served: for local use only.
pub fn router(server: PluginServer, token: Option<BearerToken>) -> Router {
    let metrics = server.metrics.clone();
    let router = Router::new()
        .route("/api/v1/template.execute", post(execute::execute))
        .fallback(execute::not_ours)
        .with_state(server)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let router = match token {
        Some(token) => router.layer(from_fn_with_state(Arc::new(token), token::check)),
        None => router,
    };
    router.layer(from_fn_with_state(metrics, ops::count))
}
