//! The shared agent: one process for all workflows. It watches WorkflowTaskSets, runs the tasks for this plugin, and
//! reports their results, so that no workflow needs a plugin pod of its own.
//!
//! Source of the semantics: argo-workflows `workflow/controller/taskset.go` and `operator.go` (4.0.7); the tests run
//! them against the genuine controller. The life of a task: it appears in `spec.tasks`; we report its result in
//! `status.nodes`; the controller reads the report at its next reconciliation, removes it, and removes the task a few
//! milliseconds later. A task that disappears without a report was stopped or timed out.

mod deadlines;
mod leader_term;
mod permits;
mod reporter;
mod task;
mod task_job;
mod worker;
mod workflow_watch;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::engine::Engine;
use crate::jobs::JobTable;
use crate::kube::{Cluster, Leadership, TaskSetsOptions};
use crate::limits::Budget;
use crate::metrics::AgentMetrics;
use crate::telemetry;
use leader_term::LeaderTerm;
use permits::Permits;

/// The memory, in bytes, for tasks whose jobs have not ended. Their number has no limit, and each keeps its text in
/// memory.
const MEMORY: usize = 128 << 20;

/// The shared agent.
pub struct Agent {
    jobs: JobTable,
    engine: Arc<Engine>,
    /// Called with the rights of this process, not with those of a tenant.
    cluster: Cluster,
    metrics: AgentMetrics,
    options: TaskSetsOptions,
    default_timeout: Duration,
    permits: Permits,
    /// The memory for tasks whose jobs have not ended.
    memory: Budget,
    /// Whether the warning that watching Workflows is forbidden has been logged.
    forbidden: AtomicBool,
}

/// The parts and settings of an [`Agent`].
pub struct AgentOptions {
    /// Runs a job for each task.
    pub jobs: JobTable,
    /// Runs the steps, each with the rights of its own namespace.
    pub engine: Arc<Engine>,
    /// The agent's counters.
    pub metrics: AgentMetrics,
    /// Selects the WorkflowTaskSets to serve.
    pub options: TaskSetsOptions,
    /// The time limit of a step whose template has no `timeout`.
    pub default_timeout: Duration,
}

impl Agent {
    /// Creates an agent. [`Agent::run`] starts it.
    pub fn new(given: AgentOptions) -> Self {
        let AgentOptions { jobs, engine, metrics, options, default_timeout } = given;
        let (cluster, permits, forbidden) =
            (engine.cluster.clone(), Permits::default(), AtomicBool::new(false));
        let memory = Budget::new(MEMORY);
        Self { jobs, engine, cluster, metrics, options, default_timeout, permits, memory, forbidden }
    }

    /// Serves tasks whenever this replica holds the lease, until `stop`. After `stop` it accepts no new tasks, and
    /// returns once it has reported every job that ended by itself. The caller must drain the jobs at the same time.
    pub async fn run(self, mut leadership: watch::Receiver<Leadership>, stop: CancellationToken) {
        let agent = Arc::new(self);
        loop {
            let led = leadership.wait_for(|now| *now == Leadership::Leader);
            let leads = tokio::select! {
                () = stop.cancelled() => false,
                led = led => led.is_ok(),
            };
            if !leads {
                return;
            }
            info!("leading: taking the tasks of workflows");
            agent.metrics.leading(true);
            LeaderTerm::new(agent.clone(), leadership.clone(), stop.clone()).run().await;
            // Whoever leads next sends the spans of the workflows that still run.
            telemetry::forget_runs();
            agent.metrics.leading(false);
        }
    }
}
