//! Jobs that were interrupted by the last death, and have yet to be watched: new jobs wait for them, but not for long.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::jobs::JobKey;

/// How long after the start a job may be absent and still be waited for: Argo's agent asks for its tasks every few seconds.
pub(super) const ABSENT: Duration = Duration::from_secs(10);
/// How long after the start new jobs wait, whatever there is to be watched.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Interrupted jobs that are waited for.
pub(super) struct Pending {
    begun: Instant,
    jobs: Arc<watch::Sender<Jobs>>,
}

type Jobs = HashMap<JobKey, Interrupted>;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interrupted {
    /// Whether it begins before the other interrupted ones.
    pub(super) is_first: bool,
    /// Whether it has been asked for again.
    is_here: bool,
}

/// One that has been asked for. It is waited for until this is dropped.
pub(super) struct Arrived {
    key: JobKey,
    jobs: Arc<watch::Sender<Jobs>>,
}

impl Pending {
    /// Jobs, and whether each is to be the first.
    pub(super) fn new(jobs: impl Iterator<Item = (JobKey, bool)>) -> Self {
        let jobs = jobs.map(|(key, is_first)| (key, Interrupted { is_first, is_here: false })).collect();
        Self { begun: Instant::now(), jobs: Arc::new(watch::Sender::new(jobs)) }
    }

    pub(super) fn arrived(&self, key: JobKey) -> Arrived {
        self.jobs.send_if_modified(|jobs| jobs.get_mut(&key).map(|job| job.is_here = true).is_some());
        Arrived { key, jobs: self.jobs.clone() }
    }

    /// Whether new jobs wait for nobody.
    pub(super) fn is_empty(&self) -> bool {
        let (passed, jobs) = (self.begun.elapsed(), self.jobs.borrow());
        passed >= LONGEST || jobs.is_empty() || passed >= ABSENT && !jobs.values().any(|job| job.is_here)
    }

    /// Waits until those that `count` have been watched, or have been waited for long enough.
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
