//! Commits without a clone: edits of a branch's files, one commit for all who wait, and certainty that it landed.
//!
//! [`git`](crate::git) talks to the server and reads and makes objects; here is what is committed, for whom, and in which order.

mod ahead;
mod ancestry;
mod draft;
mod files;
mod idle;
mod lanes;
mod look;
pub(crate) mod message;
mod places;
mod publish;
mod read_ahead;
mod request;
mod supersede;
pub mod trailer;
mod turns;
mod worker;
mod writer;

pub use files::Files;
pub use message::Message;
pub use places::Places;
pub use publish::{Proposal, ProposedFile, Publish, Published};
pub use read_ahead::{ReadAhead, Reading};
pub use request::{EditFn, Edited, FileChange, Landed, Source, WriteBack, WriteError};

use std::time::Duration;

use tracing::Instrument as _;

use crate::git::Git;
use crate::limits::Budget;
use worker::memory::HOLD;

/// Bytes of memory for files that are edited at a time, unless told otherwise.
pub const EDIT_MEMORY: usize = 128 << 20;

/// Puts commits on branches of any number of Git servers. Cheap to clone; clones share their queues.
#[derive(Debug, Clone)]
pub struct Pusher {
    git: Git,
    lanes: lanes::Lanes,
    turns: turns::Turns,
    /// Stores that nobody uses now.
    idle: idle::Idle,
    /// Memory for the files that are edited at a time.
    budget: Budget,
    /// How long the memory for files is held though others wait for it.
    hold: Duration,
}

impl Pusher {
    /// One that talks to servers by way of `git`. `edit_memory` is how many bytes the files that all requests edit at
    /// a time may take. Who finds none free waits, until the request's deadline.
    pub fn new(git: Git, edit_memory: usize) -> Self {
        let (lanes, turns) = (lanes::Lanes::default(), turns::Turns::default());
        let idle = idle::Idle::default();
        Self { git, lanes, turns, idle, budget: Budget::new(edit_memory), hold: HOLD }
    }

    /// The same for `tenant`, such as a namespace, where the process works for several: none takes more than half of the memory.
    /// Writers of two tenants that share a commit are counted for the first of them.
    #[must_use]
    pub fn of(&self, tenant: Option<&str>) -> Self {
        let (budget, git, idle) = (self.budget.of(tenant), self.git.of(tenant), self.idle.of(tenant));
        Self { budget, git, idle, ..self.clone() }
    }

    /// Puts a commit on top of the request's branch, or finds that none is needed.
    ///
    /// `edit` gets the bytes of the request's files and returns those that it changes; it runs again on fresh bytes
    /// whenever somebody else pushed first. Requests of this client that wait for one branch share a commit, if their
    /// logins, authors and signing keys are the same; each edit then works on the result of those before it, and
    /// fails alone. Nothing changed is success without a commit. Dropping the future withdraws the change, except
    /// from a push that has begun, which runs to its end behind [`WriteBack::push_gate`].
    ///
    /// # Errors
    /// [`WriteError::Edit`] is the edit's own; for the rest see [`GitError::fault`](crate::git::GitError::fault).
    pub async fn write_back(&self, request: WriteBack, edit: EditFn) -> Result<Landed, WriteError> {
        request.check()?;
        let work = |request, lane| {
            tokio::spawn(worker::work(self.clone(), request, lane).in_current_span());
        };
        self.lanes.join(request, edit, work).outcome().await
    }
}

#[cfg(test)]
mod tests;
