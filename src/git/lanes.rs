//! One writer per branch at a time within this process: writers that need not race each other should not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// A repository's address and a branch.
type Lane = (String, String);

/// The branches that are being written.
#[derive(Debug, Clone, Default)]
pub(super) struct Lanes(Arc<Mutex<HashMap<Lane, Weak<tokio::sync::Mutex<()>>>>>);

impl Lanes {
    /// Waits for the turn on a branch, which lasts as long as what is returned.
    pub(super) async fn turn(&self, repo: &str, branch: &str) -> OwnedMutexGuard<()> {
        self.lane((repo.to_owned(), branch.to_owned())).lock_owned().await
    }

    fn lane(&self, key: Lane) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, lane| lane.strong_count() > 0);
        if let Some(lane) = lanes.get(&key).and_then(Weak::upgrade) {
            return lane;
        }
        let lane = Arc::default();
        lanes.insert(key, Arc::downgrade(&lane));
        lane
    }
}

#[cfg(test)]
mod tests {
    use super::Lanes;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn one_at_a_time_on_a_branch_and_nothing_is_left() {
        let lanes = Lanes::default();
        let first = lanes.turn("r", "main").await;
        let other = lanes.turn("r", "rel").await;
        let mut second = Box::pin(lanes.turn("r", "main"));
        assert!(second.as_mut().now_or_never().is_none());
        drop((first, other));
        drop(second.await);
        drop(lanes.turn("x", "y").await);
        assert_eq!(lanes.0.lock().map(|l| l.len()).ok(), Some(1));
    }
}
