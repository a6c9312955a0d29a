//! The watching of one workflow.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::tasks::{Tasks, Withdrawn};
use super::{Shared, locked};
use crate::engine::Workflow;
use crate::jobs::JobKey;
use crate::kube::{KubeError, Rounds};

pub(super) struct Watching {
    shared: Arc<Shared>,
    workflow: Workflow,
    /// The keys of its jobs that have not ended.
    held: Arc<Mutex<Vec<JobKey>>>,
    tasks: Mutex<Tasks>,
    /// The workflow was seen anew.
    seen: Notify,
}

impl Watching {
    pub(super) fn new(shared: Arc<Shared>, workflow: Workflow, held: Arc<Mutex<Vec<JobKey>>>) -> Self {
        let tasks = Mutex::new(Tasks::new(&workflow.uid));
        Self { shared, workflow, held, tasks, seen: Notify::new() }
    }

    /// Watches the workflow and its task set for good, or until there is no cluster.
    pub(super) async fn run(self) {
        if let Err(why) = tokio::try_join!(self.watch_task_set(), self.watch_workflow(), self.expire()) {
            debug!(workflow.name = %self.workflow.name, "a stop of the workflow will not be seen: {why}");
        }
    }

    async fn watch_task_set(&self) -> Result<(), KubeError> {
        let (Workflow { namespace, name, .. }, mut rounds) = (&self.workflow, Rounds::new());
        loop {
            let seen = |now| self.withdraw(locked(&self.tasks).task_set(now));
            let ended = self.shared.cluster.follow_task_set(namespace, name, seen).await;
            rounds.next(ended, |error| self.report(error)).await?;
        }
    }

    async fn watch_workflow(&self) -> Result<(), KubeError> {
        let (Workflow { namespace, name, .. }, mut rounds) = (&self.workflow, Rounds::new());
        loop {
            let seen = |now| {
                self.withdraw(locked(&self.tasks).workflow(now));
                self.seen.notify_one();
            };
            let ended = self.shared.cluster.follow_workflow(namespace, name, seen).await;
            rounds.next(ended, |error| self.report(error)).await?;
        }
    }

    /// Stops the steps of a workflow whose time is up.
    async fn expire(&self) -> Result<(), KubeError> {
        loop {
            // Of a deadline that has passed only what is seen later tells of more jobs.
            let left = locked(&self.tasks).deadline().map(|at| at.duration_since(Timestamp::now()));
            let left = left.and_then(|left| Duration::try_from(left).ok()).filter(|left| !left.is_zero());
            tokio::select! {
                () = self.seen.notified() => {}
                () = sleep(left) => self.withdraw(locked(&self.tasks).expired(Timestamp::now()).into_iter().collect()),
            }
        }
    }

    /// Logs a missing right once, for an administrator must grant it. Other errors pass, or come again.
    fn report(&self, error: &KubeError) {
        let forbidden = matches!(error, KubeError::Forbidden { .. });
        if forbidden && !self.shared.forbidden.swap(true, Ordering::Relaxed) {
            warn!("steps of a stopped workflow will run on until its agent's pod is gone: {error}");
        } else {
            debug!(workflow.name = %self.workflow.name, "{error}");
        }
    }

    fn withdraw(&self, withdrawn: Vec<Withdrawn>) {
        let all = || locked(&self.held).clone();
        let name = &self.workflow.name;
        for one in withdrawn {
            let (keys, why) = match one {
                Withdrawn::Expired(keys, limit) => {
                    for key in keys.iter().filter(|key| self.shared.jobs.expire(key, limit)) {
                        info!(job = %key, workflow.name = %name, "ending a step of `{name}`: its workflow's time is up");
                    }
                    continue;
                }
                Withdrawn::Left(keys) => (keys.into_iter().collect(), "Argo took its task away"),
                Withdrawn::Stopped(keys) => (keys.into_iter().collect(), "its workflow was stopped"),
                Withdrawn::Terminated => (all(), "its workflow was terminated"),
                Withdrawn::Ended => (all(), "its workflow has ended"),
                Withdrawn::Deleted => (all(), "its workflow was deleted"),
            };
            for key in keys.iter().filter(|key| self.shared.jobs.withdraw(key)) {
                info!(job = %key, workflow.name = %name, "cancelling a step of `{name}`: {why}");
            }
        }
    }
}

/// Sleeps for ever where there is nothing to wait for.
async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}
