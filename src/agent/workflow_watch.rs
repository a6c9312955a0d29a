//! How a workflow is being ended. Its task set does not say: the controller takes our `Running` for the truth, and a node
//! that it has stopped is back at its next turn, for as long as an exit handler runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::Agent;
use crate::engine::Workflow;
use crate::kube::{KubeError, Rounds, WorkflowState};

/// What is known of a workflow.
#[derive(Debug, Clone, Default)]
pub(super) enum Seen {
    /// The watch has told nothing yet.
    #[default]
    Nothing,
    /// What the Workflow said last.
    State(WorkflowState),
    /// The Workflow was there, and was deleted.
    Gone,
}

/// The watch of one Workflow.
pub(super) struct WorkflowWatch {
    seen: watch::Receiver<Seen>,
    _task: AbortOnDropHandle<()>,
}

impl WorkflowWatch {
    pub(super) fn watch(agent: &Arc<Agent>, workflow: &Workflow) -> Self {
        let (tell, seen) = watch::channel(Seen::default());
        let task = tokio::spawn(follow(agent.clone(), workflow.clone(), tell));
        Self { seen, _task: AbortOnDropHandle::new(task) }
    }

    /// What is known next.
    pub(super) async fn next(watch: &mut Option<Self>) -> Seen {
        let Some(watch) = watch else { return std::future::pending().await };
        if watch.seen.changed().await.is_err() {
            // The watch has ended: it tells nothing more.
            std::future::pending::<()>().await;
        }
        watch.seen.borrow_and_update().clone()
    }
}

async fn follow(agent: Arc<Agent>, workflow: Workflow, tell: watch::Sender<Seen>) {
    let (Workflow { namespace, name, uid }, mut rounds) = (&workflow, Rounds::new());
    loop {
        let seen = |now: Option<WorkflowState>| {
            // Another workflow of the same name is none of ours.
            let now = now.filter(|workflow| workflow.uid.as_ref() == Some(uid));
            tell.send_modify(|seen| match (now, &seen) {
                (Some(now), _) => *seen = Seen::State(now),
                (None, Seen::State(_)) => *seen = Seen::Gone,
                (None, _) => {}
            });
        };
        let ended = agent.cluster.follow_workflow(namespace, name, seen).await;
        if rounds.next(ended, |error| told(&agent, error)).await.is_err() {
            return;
        }
    }
}

/// Logs a missing right once, for an administrator must grant it. Other errors pass, or come again.
fn told(agent: &Agent, error: &KubeError) {
    let forbidden = matches!(error, KubeError::Forbidden { .. });
    if forbidden && !agent.forbidden.swap(true, Ordering::Relaxed) {
        warn!("steps of a stopped workflow will run on until its controller takes their tasks away: {error}");
    } else {
        debug!("{error}");
    }
}
