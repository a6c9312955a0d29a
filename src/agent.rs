//! The shared agent: one process for all workflows. It watches WorkflowTaskSets, runs the tasks that are ours, and reports what becomes
//! of them, so that no workflow waits for a pod of its own.
//!
//! Source of the semantics: argo-workflows `workflow/controller/taskset.go` and `operator.go` (4.0.7); the tests run them against
//! the genuine controller. A set's life: a task appears in `spec.tasks`; we report in `status.nodes`; the controller takes the
//! report at its next turn, removes it, and a few milliseconds later the task. A task that leaves without a report was
//! stopped, or timed out.

mod clerk;
mod deadlines;
mod desk;
mod hold;
mod permits;
mod session;
mod task;
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
use permits::Permits;
use session::Session;

/// Bytes of memory for tasks whose jobs have not ended: there may be any number of them, and each waits with its text.
const MEMORY: usize = 128 << 20;

/// The shared agent.
pub struct Agent {
    jobs: JobTable,
    engine: Arc<Engine>,
    /// Spoken to with our own rights, not those of a tenant.
    cluster: Cluster,
    metrics: AgentMetrics,
    options: TaskSetsOptions,
    default_timeout: Duration,
    permits: Permits,
    /// For the tasks whose jobs have not ended.
    memory: Budget,
    /// Whether the warning that watching Workflows is forbidden has been logged.
    forbidden: AtomicBool,
}

/// What an agent works with.
pub struct Means {
    /// The jobs that tasks become.
    pub jobs: JobTable,
    /// What jobs do, each with the rights of its own namespace.
    pub engine: Arc<Engine>,
    /// What is counted.
    pub metrics: AgentMetrics,
    /// The WorkflowTaskSets that are served.
    pub options: TaskSetsOptions,
    /// How long a step may take whose template has no `timeout`.
    pub default_timeout: Duration,
}

impl Agent {
    /// An agent that has not begun.
    pub fn new(means: Means) -> Self {
        let Means { jobs, engine, metrics, options, default_timeout } = means;
        let (cluster, permits, forbidden) =
            (engine.cluster.clone(), Permits::default(), AtomicBool::new(false));
        let memory = Budget::new(MEMORY);
        Self { jobs, engine, cluster, metrics, options, default_timeout, permits, memory, forbidden }
    }

    /// Works for as long as the lease is ours, and again when it is ours again, until `stop`. Then it takes no more tasks,
    /// and ends when what had ended by itself is reported: somebody must drain the jobs beside it.
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
            Session::new(agent.clone(), leadership.clone(), stop.clone()).run().await;
            agent.metrics.leading(false);
        }
    }
}
