//! One attempt of a lane task: it locks the branch, reads, edits and pushes.

use tokio::time::{Instant, timeout_at};

use super::push::Prepared;
use super::{LOCK_WAIT, LaneTask};
use crate::git::GitError;

/// The result of an attempt that did not fail.
pub(super) enum AttemptResult {
    Done,
    /// Source servers were asked; the next attempt uses their answers.
    AskedSources,
    /// The branch has moved since its tip was read ahead.
    StaleTips,
    Again(String),
}

impl LaneTask {
    pub(super) async fn once(&mut self) -> Result<AttemptResult, GitError> {
        let limit = self.writers.values().map(|w| w.request.deadline).chain(self.confirm_by).max();
        let Some(limit) = limit else { return Ok(AttemptResult::Done) };
        let (branch_locks, repo) = (self.pusher.branch_locks.clone(), self.request.repo.address_key());
        let lock_deadline = limit.min(Instant::now() + LOCK_WAIT);
        let lock = timeout_at(lock_deadline, branch_locks.lock(&repo, &self.target())).await.ok();
        if lock.is_none() && lock_deadline == limit {
            return Ok(AttemptResult::Again(
                "commits of others to the branch were still under way".to_owned(),
            ));
        }
        let wanted = self.memory.wanted();
        let prepared = tokio::select! {
            biased;
            prepared = timeout_at(limit, self.prepare()) => prepared,
            () = wanted => {
                self.reader.reset();
                return Ok(AttemptResult::Again("the server was slow, and other steps waited for the memory".to_owned()));
            }
        };
        let base = match prepared {
            Ok(Ok(Prepared::Ready(ready))) => {
                // The server may be slow to take the push, and others wait for the memory.
                self.memory.give_back();
                return self.send(*ready).await;
            }
            Ok(Ok(Prepared::Done)) => return Ok(AttemptResult::Done),
            Ok(Ok(Prepared::Again(why))) => return Ok(AttemptResult::Again(why)),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(Prepared::Ask(base))) => base,
            Err(_) => return Ok(self.cut_off()),
        };
        drop(lock);
        match timeout_at(limit, self.ask(&base)).await {
            Ok(asked) => asked,
            Err(_) => Ok(self.cut_off()),
        }
    }

    /// Drops the connection after a read that was stopped in the middle of an answer.
    pub(super) fn cut_off(&mut self) -> AttemptResult {
        self.reader.reset();
        AttemptResult::Again("the branch was not read in time".to_owned())
    }
}
