//! How many reports may be on their way at a time. More would only wait for each other, until all were late, and what keeps
//! the lease would wait behind them: the API server serves one client's requests in turn.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of nodes' ends. There are no more of them than there were slots for jobs.
const ENDS: usize = 32;

/// Of progress, which waits for no room: it is told another time, and never delays an end.
const PROGRESS: usize = 8;

/// Room for reports.
pub(super) struct Room {
    ends: Arc<Semaphore>,
    progress: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        let room = |reports| Arc::new(Semaphore::new(reports));
        Self { ends: room(ENDS), progress: room(PROGRESS) }
    }
}

impl Room {
    /// Waits for room for an end.
    pub(super) fn end(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + use<> {
        let ends = self.ends.clone();
        // It is never closed.
        async move { ends.acquire_owned().await.ok() }
    }

    /// Room for progress, if there is any now.
    pub(super) fn progress(&self) -> Option<OwnedSemaphorePermit> {
        self.progress.clone().try_acquire_owned().ok()
    }
}
