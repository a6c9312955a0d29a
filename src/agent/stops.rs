//! How a workflow is being ended. Its task set does not say: the controller takes our `Running` for the truth, and a node
//! that it has stopped is back at its next turn, for as long as an exit handler runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::Agent;
use crate::engine::Workflow;
use crate::kube::{Rounds, WatchError, WorkflowState};

/// What is known of a workflow.
#[derive(Debug, Clone, Default)]
pub(super) enum Sight {
    /// Nothing yet.
    #[default]
    Unseen,
    /// It says so.
    Seen(WorkflowState),
    /// It was there, and is gone.
    Gone,
}

/// The watch of one Workflow.
pub(super) struct Stops {
    sight: watch::Receiver<Sight>,
    _task: AbortOnDropHandle<()>,
}

impl Stops {
    pub(super) fn watch(agent: &Arc<Agent>, workflow: &Workflow) -> Self {
        let (tell, sight) = watch::channel(Sight::default());
        let task = tokio::spawn(follow(agent.clone(), workflow.clone(), tell));
        Self { sight, _task: AbortOnDropHandle::new(task) }
    }

    /// What is known next.
    pub(super) async fn next(stops: &mut Option<Self>) -> Sight {
        let Some(stops) = stops else { return std::future::pending().await };
        if stops.sight.changed().await.is_err() {
            // Nothing more will be known.
            std::future::pending::<()>().await;
        }
        stops.sight.borrow_and_update().clone()
    }
}

async fn follow(agent: Arc<Agent>, workflow: Workflow, tell: watch::Sender<Sight>) {
    let (Workflow { namespace, name, uid }, mut rounds) = (&workflow, Rounds::new());
    loop {
        let seen = |now: Option<WorkflowState>| {
            // Another workflow of the same name is none of ours.
            let now = now.filter(|workflow| workflow.uid.as_ref() == Some(uid));
            tell.send_modify(|sight| match (now, &sight) {
                (Some(now), _) => *sight = Sight::Seen(now),
                (None, Sight::Seen(_)) => *sight = Sight::Gone,
                (None, _) => {}
            });
        };
        let ended = agent.cluster.follow_workflow(namespace, name, seen).await;
        if rounds.next(ended, |error| told(&agent, error)).await.is_err() {
            return;
        }
    }
}

/// Says once what an administrator must grant. Everything else passes, or comes back.
fn told(agent: &Agent, error: &WatchError) {
    let forbidden = matches!(error, WatchError::Forbidden { .. });
    if forbidden && !agent.forbidden.swap(true, Ordering::Relaxed) {
        warn!("steps of a stopped workflow will run on until its controller takes their tasks away: {error}");
    } else {
        debug!("{error}");
    }
}
