//! The term in which this replica leads: it runs a worker for each WorkflowTaskSet that has tasks for this plugin.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::{debug, error, warn};

use super::Agent;
use super::worker::TaskSetWorker;
use crate::kube::{KubeError, Leadership, Part, TaskSetEvent, TaskSetId, TaskSetState};
use crate::telemetry;

type Events = BoxStream<'static, Result<TaskSetEvent, KubeError>>;

/// One term of leadership. Dropping it stops all workers and their jobs.
pub(super) struct LeaderTerm {
    agent: Arc<Agent>,
    leadership: watch::Receiver<Leadership>,
    stop: CancellationToken,
    workers: HashMap<TaskSetId, RunningWorker>,
    tracker: TaskTracker,
    /// The sets that the list in progress has returned so far, for each part.
    listing: HashMap<Part, HashSet<TaskSetId>>,
    /// Whether the `forbidden` warning has been logged.
    forbidden: bool,
}

/// A worker and the channel that sends it new states of its set.
struct RunningWorker {
    updates: watch::Sender<Arc<TaskSetState>>,
    task: AbortOnDropHandle<()>,
}

impl LeaderTerm {
    pub(super) fn new(
        agent: Arc<Agent>,
        leadership: watch::Receiver<Leadership>,
        stop: CancellationToken,
    ) -> Self {
        let (workers, tracker, listing) = (HashMap::new(), TaskTracker::new(), HashMap::new());
        Self { agent, leadership, stop, workers, tracker, listing, forbidden: false }
    }

    /// Runs until another replica holds the lease, or until `stop`.
    pub(super) async fn run(mut self) {
        let mut events = self.agent.cluster.watch_task_sets(&self.agent.options);
        let mut leadership = self.leadership.clone();
        let lost =
            async move { leadership.wait_for(|now| matches!(now, Leadership::Standby { .. })).await.is_ok() };
        tokio::pin!(lost);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.close(events).await,
                lost = &mut lost => {
                    if lost {
                        warn!("another agent leads: stopping all steps, which it begins again");
                    }
                    return;
                }
                event = events.next() => match event {
                    Some(event) => self.handle_event(event),
                    None => return,
                },
            }
        }
    }

    /// Waits until the workers have reported the jobs that ended, and handles events meanwhile.
    async fn close(mut self, mut events: Events) {
        let workers = self.tracker.clone();
        workers.close();
        let reported = workers.wait();
        tokio::pin!(reported);
        loop {
            tokio::select! {
                () = &mut reported => return,
                event = events.next() => match event {
                    Some(event) => self.handle_event(event),
                    None => return,
                },
            }
        }
    }

    fn handle_event(&mut self, event: Result<TaskSetEvent, KubeError>) {
        match event {
            Ok(TaskSetEvent::Relisting(part)) => {
                self.agent.metrics.relisted();
                self.listing.insert(part, HashSet::new());
            }
            Ok(TaskSetEvent::Seen(state)) => self.seen(*state),
            Ok(TaskSetEvent::Listed(part)) => {
                let seen = self.listing.remove(&part).unwrap_or_default();
                let is_gone = |id: &&TaskSetId| part.holds(id) && !seen.contains(*id);
                let gone: Vec<_> = self.workers.keys().filter(is_gone).cloned().collect();
                gone.iter().for_each(|id| self.gone(id));
            }
            Ok(TaskSetEvent::Gone(id)) => self.gone(&id),
            Err(error) => self.failed(&error),
        }
    }

    fn seen(&mut self, state: TaskSetState) {
        for (_, seen) in self.listing.iter_mut().filter(|(part, _)| part.holds(&state.id)) {
            seen.insert(state.id.clone());
        }
        if state.completed {
            return self.gone(&state.id);
        }
        match self.workers.get(&state.id) {
            Some(open) if !open.task.is_finished() => drop(open.updates.send_replace(Arc::new(state))),
            _ if state.tasks.is_empty() || self.stop.is_cancelled() => {}
            Some(_) => {
                error!(workflow.name = %state.id.name, "argo-buildkit has a bug: the worker of `{}` is gone; starting another", state.id.name);
                self.open(state);
            }
            None => self.open(state),
        }
    }

    fn open(&mut self, state: TaskSetState) {
        let id = state.id.clone();
        if let Some(created) = state.created {
            self.agent.metrics.seen_after(
                Duration::try_from(jiff::Timestamp::now().duration_since(created)).unwrap_or_default(),
            );
        }
        let (updates, seen) = watch::channel(Arc::new(state));
        let worker = TaskSetWorker::new(self.agent.clone(), seen, self.leadership.clone(), self.stop.clone());
        let task = AbortOnDropHandle::new(self.tracker.spawn(worker.run()));
        self.workers.insert(id, RunningWorker { updates, task });
    }

    fn gone(&mut self, id: &TaskSetId) {
        let Some(worker) = self.workers.remove(id) else { return };
        debug!(workflow.name = %id.name, workflow.namespace = %id.namespace, "the tasks of `{}` are gone", id.name);
        telemetry::end_run(worker.updates.borrow().workflow_uid());
    }

    /// Logs a missing right once, because an administrator must grant it. Other errors are temporary.
    fn failed(&mut self, error: &KubeError) {
        let forbidden = matches!(error, KubeError::Forbidden { .. });
        if forbidden && !std::mem::replace(&mut self.forbidden, true) {
            warn!("no tasks are seen: {error}");
        } else {
            debug!("{error}");
        }
    }
}
