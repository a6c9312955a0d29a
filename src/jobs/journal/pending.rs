//! The jobs that the last death interrupted and that were not watched yet. New jobs wait for them, but not for long.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::jobs::JobKey;

/// The time after the start for which an interrupted job is waited for before it is requested: Argo's agent polls its
/// tasks every few seconds.
pub(super) const ABSENT: Duration = Duration::from_secs(10);
/// The longest time after the start for which new jobs wait.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// The interrupted jobs that new jobs wait for.
pub(super) struct Pending {
    begun: Instant,
    jobs: Arc<watch::Sender<Jobs>>,
}

type Jobs = HashMap<JobKey, Interrupted>;

/// An interrupted job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interrupted {
    /// Whether the job starts before the other interrupted jobs.
    pub(super) is_first: bool,
    /// Whether the job was requested again.
    is_here: bool,
}

/// An interrupted job that was requested again. New jobs wait for it until this is dropped.
pub(super) struct Arrived {
    key: JobKey,
    jobs: Arc<watch::Sender<Jobs>>,
}

impl Pending {
    /// Each job comes with whether it starts before the others.
    pub(super) fn new(jobs: impl Iterator<Item = (JobKey, bool)>) -> Self {
        let jobs = jobs.map(|(key, is_first)| (key, Interrupted { is_first, is_here: false })).collect();
        Self { begun: Instant::now(), jobs: Arc::new(watch::Sender::new(jobs)) }
    }

    pub(super) fn arrived(&self, key: JobKey) -> Arrived {
        self.jobs.send_if_modified(|jobs| jobs.get_mut(&key).map(|job| job.is_here = true).is_some());
        Arrived { key, jobs: self.jobs.clone() }
    }

    /// Whether new jobs need not wait.
    pub(super) fn is_empty(&self) -> bool {
        let (passed, jobs) = (self.begun.elapsed(), self.jobs.borrow());
        passed >= LONGEST || jobs.is_empty() || passed >= ABSENT && !jobs.values().any(|job| job.is_here)
    }

    /// Waits until the jobs for which `count` is true were watched, or were waited for long enough.
    pub(super) async fn over(&self, count: impl Fn(&Interrupted) -> bool) {
        let mut jobs = self.jobs.subscribe();
        let all = jobs.wait_for(|jobs| !jobs.values().any(&count));
        if timeout_at(self.begun + ABSENT, all).await.is_ok() {
            return;
        }
        let those_here = jobs.wait_for(|jobs| !jobs.values().any(|job| job.is_here && count(job)));
        let _ = timeout_at(self.begun + LONGEST, those_here).await;
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        self.jobs.send_if_modified(|jobs| jobs.remove(&self.key).is_some());
    }
}
