//! Watches how a workflow is being ended. Its task set does not say this: the controller trusts our `Running` report,
//! so a node that it has stopped is in the set again after its next reconciliation, for as long as an exit handler
//! runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::Agent;
use crate::engine::Workflow;
use crate::kube::{KubeError, WatchBackoff, WorkflowState};

/// The latest news from the watch of a Workflow.
#[derive(Debug, Clone, Default)]
pub(super) enum WorkflowUpdate {
    /// The watch has returned nothing yet.
    #[default]
    Nothing,
    /// The latest state of the Workflow.
    State(WorkflowState),
    /// The Workflow existed and was deleted.
    Gone,
}

/// The watch of one Workflow.
pub(super) struct WorkflowWatch {
    seen: watch::Receiver<WorkflowUpdate>,
    _task: AbortOnDropHandle<()>,
}

impl WorkflowWatch {
    pub(super) fn watch(agent: &Arc<Agent>, workflow: &Workflow) -> Self {
        let (updates, seen) = watch::channel(WorkflowUpdate::default());
        let task = tokio::spawn(follow(agent.clone(), workflow.clone(), updates));
        Self { seen, _task: AbortOnDropHandle::new(task) }
    }

    /// Waits for the next update.
    pub(super) async fn next(watch: &mut Option<Self>) -> WorkflowUpdate {
        let Some(watch) = watch else { return std::future::pending().await };
        if watch.seen.changed().await.is_err() {
            // The watch has ended, so no update follows.
            std::future::pending::<()>().await;
        }
        watch.seen.borrow_and_update().clone()
    }
}

async fn follow(agent: Arc<Agent>, workflow: Workflow, updates: watch::Sender<WorkflowUpdate>) {
    let (Workflow { namespace, name, uid }, mut backoff) = (&workflow, WatchBackoff::new());
    loop {
        let seen = |now: Option<WorkflowState>| {
            // A workflow with the same name and another uid is not the one that we watch.
            let now = now.filter(|workflow| workflow.uid.as_ref() == Some(uid));
            updates.send_modify(|seen| match (now, &seen) {
                (Some(now), _) => *seen = WorkflowUpdate::State(now),
                (None, WorkflowUpdate::State(_)) => *seen = WorkflowUpdate::Gone,
                (None, _) => {}
            });
        };
        let ended = agent.cluster.follow_workflow(namespace, name, seen).await;
        if backoff.next(ended, |error| log_error(&agent, error)).await.is_err() {
            return;
        }
    }
}

/// Logs a missing right once, because an administrator must grant it. Other errors are temporary, or occur again.
fn log_error(agent: &Agent, error: &KubeError) {
    let forbidden = matches!(error, KubeError::Forbidden { .. });
    if forbidden && !agent.forbidden.swap(true, Ordering::Relaxed) {
        warn!("steps of a stopped workflow will run on until its controller takes their tasks away: {error}");
    } else {
        debug!("{error}");
    }
}
