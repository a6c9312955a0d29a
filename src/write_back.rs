//! Commits edits to branches without a clone. Writers that wait for the same branch share a commit, and each learns
//! for certain whether its change landed.
//!
//! [`git`](crate::git) talks to the server and makes objects. This module decides what is committed, for whom, and in
//! which order.

mod ancestry;
mod branch_locks;
mod draft;
mod files;
mod idle;
mod lane_task;
mod lanes;
pub(crate) mod message;
mod places;
mod publish;
mod read_ahead;
mod read_tips;
mod record;
mod request;
mod supersede;
mod tips_read_ahead;
pub mod trailer;
mod writer;

pub(crate) use ancestry::{CommitOrder, commit_message, compare_ancestry};
pub use files::Files;
pub use message::Message;
pub use places::Places;
pub use publish::{Proposal, ProposedFile, Publish, Published};
pub use read_ahead::{ReadAhead, ReadAheadRequest};
pub(crate) use record::{WorkflowPart, part_of, reverted_by_workflow, reverts};
pub use request::{EditFn, Edited, FileChange, Landed, SourceCommit, WriteBack, WriteError};

use std::time::Duration;

use tracing::Instrument as _;

use crate::git::Git;
use crate::limits::Budget;
use lane_task::memory::HOLD;

/// The default number of bytes of memory for files that are edited at the same time.
pub const EDIT_MEMORY: usize = 128 << 20;

/// Puts commits on branches of any number of Git servers. Cheap to clone; clones share their queues.
#[derive(Debug, Clone)]
pub struct Pusher {
    git: Git,
    lanes: lanes::Lanes,
    branch_locks: branch_locks::BranchLocks,
    /// Stores that are not in use.
    idle: idle::Idle,
    /// The memory budget for files that are edited at the same time.
    budget: Budget,
    /// How long an attempt may hold memory for files while others wait for it.
    hold: Duration,
}

impl Pusher {
    /// Makes a pusher that uses `git`. `edit_memory` limits the bytes of memory for the files that all requests edit
    /// at the same time. A request that finds no free memory waits, until its deadline.
    pub fn new(git: Git, edit_memory: usize) -> Self {
        let (lanes, branch_locks) = (lanes::Lanes::default(), branch_locks::BranchLocks::default());
        let idle = idle::Idle::default();
        Self { git, lanes, branch_locks, idle, budget: Budget::new(edit_memory), hold: HOLD }
    }

    /// Returns a pusher for `tenant`, such as a namespace, for a process that works for several. Each tenant may use
    /// at most half of the memory. If writers of two tenants share a commit, its memory counts for the first.
    #[must_use]
    pub fn of(&self, tenant: Option<&str>) -> Self {
        let (budget, git, idle) = (self.budget.of(tenant), self.git.of(tenant), self.idle.of(tenant));
        Self { budget, git, idle, ..self.clone() }
    }

    /// Puts a commit on top of the request's branch, or finds that none is needed.
    ///
    /// `edit` gets the bytes of the request's files and returns the files that it changes. It runs again on fresh
    /// bytes whenever somebody else pushed first. Requests that wait for the same branch share a commit, if their
    /// logins, authors and signing keys are the same. Each edit then works on the result of those before it, and an
    /// edit that fails does not affect the others. If nothing changes, the result is success without a commit.
    /// Dropping the future withdraws the change. The exception is a push that has begun: it runs to its end, guarded
    /// by [`WriteBack::push_gate`].
    ///
    /// # Errors
    /// [`WriteError::Edit`] is the error of the edit itself; for the others see
    /// [`GitError::fault`](crate::git::GitError::fault).
    pub async fn write_back(&self, request: WriteBack, edit: EditFn) -> Result<Landed, WriteError> {
        request.check()?;
        let work = |request, lane| {
            tokio::spawn(lane_task::work(self.clone(), request, lane).in_current_span());
        };
        self.lanes.join(request, edit, work).outcome().await
    }
}

#[cfg(test)]
mod tests;
