//! The watching of one workflow.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::tasks::{Tasks, Withdrawn};
use super::{Shared, locked};
use crate::engine::Workflow;
use crate::jobs::JobKey;
use crate::kube::WatchError;

/// The shortest and the longest pause before a watch that ended is begun again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// A watch that lasted so long was well: the next pause is the shortest again.
const WELL: Duration = Duration::from_secs(60);

pub(super) struct Watching {
    shared: Arc<Shared>,
    workflow: Workflow,
    /// The keys of its jobs that have not ended.
    held: Arc<Mutex<Vec<JobKey>>>,
    tasks: Mutex<Tasks>,
}

impl Watching {
    pub(super) fn new(shared: Arc<Shared>, workflow: Workflow, held: Arc<Mutex<Vec<JobKey>>>) -> Self {
        let tasks = Mutex::new(Tasks::new(&workflow.uid));
        Self { shared, workflow, held, tasks }
    }

    /// Watches the workflow and its task set for good, or until there is no cluster.
    pub(super) async fn run(self) {
        tokio::join!(self.watch_task_set(), self.watch_workflow());
    }

    async fn watch_task_set(&self) {
        let (cluster, mut rounds) = (&self.shared.cluster, Rounds::new());
        loop {
            let seen = |now| self.withdraw(locked(&self.tasks).task_set(now));
            let ended = cluster.follow_task_set(&self.workflow.namespace, &self.workflow.name, seen).await;
            if !self.goes_on(ended, &mut rounds).await {
                return;
            }
        }
    }

    async fn watch_workflow(&self) {
        let (cluster, mut rounds) = (&self.shared.cluster, Rounds::new());
        loop {
            let seen = |now| self.withdraw(locked(&self.tasks).workflow(now));
            let ended = cluster.follow_workflow(&self.workflow.namespace, &self.workflow.name, seen).await;
            if !self.goes_on(ended, &mut rounds).await {
                return;
            }
        }
    }

    /// After a watch that ended so: says whether there is to be another, and pauses before it. What happens
    /// meanwhile shows in the list that each watch begins with.
    async fn goes_on(&self, ended: Result<(), WatchError>, rounds: &mut Rounds) -> bool {
        match ended {
            Ok(()) => {}
            Err(WatchError::NoCluster(why)) => {
                debug!(workflow.name = %self.workflow.name, "a stop of the workflow will not be seen: {why}");
                return false;
            }
            Err(error) => self.report(&error),
        }
        rounds.pause().await;
        true
    }

    /// Says once what an administrator must grant. Everything else passes, or comes back.
    fn report(&self, error: &WatchError) {
        let forbidden = matches!(error, WatchError::Forbidden { .. });
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

/// The pauses between watches, without end: there is always something to stop.
struct Rounds {
    begun: Instant,
    pauses: ExponentialBackoff,
}

impl Rounds {
    fn new() -> Self {
        let builder = ExponentialBuilder::default().with_min_delay(PAUSE.0).with_max_delay(PAUSE.1);
        Self { begun: Instant::now(), pauses: builder.with_jitter().without_max_times().build() }
    }

    async fn pause(&mut self) {
        if self.begun.elapsed() > WELL {
            *self = Self::new();
        }
        tokio::time::sleep(self.pauses.next().unwrap_or(PAUSE.1)).await;
        self.begun = Instant::now();
    }
}
