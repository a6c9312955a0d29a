//! One push to a branch at a time within this process, whoever's: writers that need not race each other should not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// A repository's address and a branch.
type Branch = (String, String);

/// The branches that are being written.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<Branch, Weak<tokio::sync::Mutex<()>>>>>);

impl Turns {
    /// Waits for the turn on a branch, which lasts as long as what is returned.
    pub(super) async fn turn(&self, repo: &str, branch: &str) -> OwnedMutexGuard<()> {
        self.branch((repo.to_owned(), branch.to_owned())).lock_owned().await
    }

    fn branch(&self, key: Branch) -> Arc<tokio::sync::Mutex<()>> {
        let mut branches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        branches.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = branches.get(&key).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        branches.insert(key, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn one_at_a_time_on_a_branch_and_nothing_is_left() {
        let turns = Turns::default();
        let first = turns.turn("r", "main").await;
        let other = turns.turn("r", "rel").await;
        let mut second = Box::pin(turns.turn("r", "main"));
        assert!(second.as_mut().now_or_never().is_none());
        drop((first, other));
        drop(second.await);
        drop(turns.turn("x", "y").await);
        assert_eq!(turns.0.lock().map(|l| l.len()).ok(), Some(1));
    }
}
