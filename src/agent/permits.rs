//! How many reports may be on their way at a time. More would only wait for each other, until all were late, and what keeps
//! the lease would wait behind them: the API server serves one client's requests in turn.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits to report the ends of nodes. There are never more ends than there were slots for jobs.
const ENDS: usize = 32;

/// Permits to report progress. Progress does not wait for one: it is reported later, and never delays an end.
const PROGRESS: usize = 8;

/// Permits to report.
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
    /// Waits for a permit for an end.
    pub(super) fn end(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + use<> {
        let ends = self.ends.clone();
        // It is never closed.
        async move { ends.acquire_owned().await.ok() }
    }

    /// A permit for progress, if there is one now.
    pub(super) fn progress(&self) -> Option<OwnedSemaphorePermit> {
        self.progress.clone().try_acquire_owned().ok()
    }
}
