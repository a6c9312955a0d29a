//! Locks for branches: within this process only one lane task pushes to a branch at a time, so that lane tasks do not race
//! each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// A repository's address and a branch's name.
type Branch = (String, String);

/// The branches that are locked.
#[derive(Debug, Clone, Default)]
pub(super) struct BranchLocks(Arc<Mutex<HashMap<Branch, Weak<tokio::sync::Mutex<()>>>>>);

impl BranchLocks {
    /// Waits for the lock on a branch. It is held until the guard is dropped.
    pub(super) async fn lock(&self, repo: &str, branch: &str) -> OwnedMutexGuard<()> {
        self.branch((repo.to_owned(), branch.to_owned())).lock_owned().await
    }

    fn branch(&self, key: Branch) -> Arc<tokio::sync::Mutex<()>> {
        let mut branches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        branches.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = branches.get(&key).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        branches.insert(key, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::BranchLocks;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn one_at_a_time_on_a_branch_and_nothing_is_left() {
        let branch_locks = BranchLocks::default();
        let first = branch_locks.lock("r", "main").await;
        let other = branch_locks.lock("r", "rel").await;
        let mut second = Box::pin(branch_locks.lock("r", "main"));
        assert!(second.as_mut().now_or_never().is_none());
        drop((first, other));
        drop(second.await);
        drop(branch_locks.lock("x", "y").await);
        assert_eq!(branch_locks.0.lock().map(|l| l.len()).ok(), Some(1));
    }
}
