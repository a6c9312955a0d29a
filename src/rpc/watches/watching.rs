//! Watches one workflow.

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
use crate::kube::{KubeError, WatchBackoff};

pub(super) struct Watching {
    shared: Arc<Shared>,
    workflow: Workflow,
    /// The keys of the workflow's jobs that have not ended.
    held: Arc<Mutex<Vec<JobKey>>>,
    tasks: Mutex<Tasks>,
    /// Notified when the workflow has changed.
    seen: Notify,
}

impl Watching {
    pub(super) fn new(shared: Arc<Shared>, workflow: Workflow, held: Arc<Mutex<Vec<JobKey>>>) -> Self {
        let tasks = Mutex::new(Tasks::new(&workflow.uid));
        Self { shared, workflow, held, tasks, seen: Notify::new() }
    }

    /// Watches the workflow and its task set without end; returns if no cluster is configured.
    pub(super) async fn run(self) {
        if let Err(why) = tokio::try_join!(self.watch_task_set(), self.watch_workflow(), self.expire()) {
            debug!(workflow.name = %self.workflow.name, "a stop of the workflow will not be seen: {why}");
        }
    }

    async fn watch_task_set(&self) -> Result<(), KubeError> {
        let (Workflow { namespace, name, .. }, mut backoff) = (&self.workflow, WatchBackoff::new());
        loop {
            let seen = |now| self.withdraw(locked(&self.tasks).task_set(now));
            let ended = self.shared.cluster.follow_task_set(namespace, name, seen).await;
            backoff.next(ended, |error| self.report(error)).await?;
        }
    }

    async fn watch_workflow(&self) -> Result<(), KubeError> {
        let (Workflow { namespace, name, .. }, mut backoff) = (&self.workflow, WatchBackoff::new());
        loop {
            let seen = |now| {
                self.withdraw(locked(&self.tasks).workflow(now));
                self.seen.notify_one();
            };
            let ended = self.shared.cluster.follow_workflow(namespace, name, seen).await;
            backoff.next(ended, |error| self.report(error)).await?;
        }
    }

    /// Stops the steps of a workflow when its deadline has passed.
    async fn expire(&self) -> Result<(), KubeError> {
        loop {
            // After the deadline, only a change of the workflow can bring more jobs to stop.
            let left = locked(&self.tasks).deadline().map(|at| at.duration_since(Timestamp::now()));
            let left = left.and_then(|left| Duration::try_from(left).ok()).filter(|left| !left.is_zero());
            tokio::select! {
                () = self.seen.notified() => {}
                () = sleep(left) => self.withdraw(locked(&self.tasks).expired(Timestamp::now()).into_iter().collect()),
            }
        }
    }

    /// Logs a missing right once, because an administrator must grant it. Other errors are temporary, or occur again.
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

/// Sleeps for ever if there is no time to wait for.
async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}
