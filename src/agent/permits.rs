//! Limits the number of reports in flight. More reports would only wait for each other until all were late, and the
//! renewal of the lease would wait behind them: the API server serves the requests of one client in turn.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits to report final results. At most this many are used at a time, because jobs have no more slots.
const ENDS: usize = 32;

/// Permits to report progress. Without a permit, progress is reported later; it never delays a final result.
const PROGRESS: usize = 8;

/// Permits for reports.
pub(super) struct Permits {
    ends: Arc<Semaphore>,
    progress: Arc<Semaphore>,
}

impl Default for Permits {
    fn default() -> Self {
        let permits = |reports| Arc::new(Semaphore::new(reports));
        Self { ends: permits(ENDS), progress: permits(PROGRESS) }
    }
}

impl Permits {
    /// Waits for a permit to report a final result.
    pub(super) fn end(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + use<> {
        let ends = self.ends.clone();
        // The semaphore is never closed.
        async move { ends.acquire_owned().await.ok() }
    }

    /// A permit to report progress, if one is free.
    pub(super) fn progress(&self) -> Option<OwnedSemaphorePermit> {
        self.progress.clone().try_acquire_owned().ok()
    }
}
