//! Questions about sources, asked while nobody holds the branch's turn.
//!
//! A draft that meets an open question is given up together with the turn. It is drafted once more on the same commit,
//! now with a little patience for the answers; then the turn is taken again. A writer whose source is silent for longer
//! is set aside until there is an answer, and its lane goes on without it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::base_commit::BaseCommit;
use super::{Tried, Worker};
use crate::git::GitError;
use crate::write_back::draft::Id;
use crate::write_back::supersede::{Claim, Order, Question};

/// How long the writers of a lane wait for the answer that one of them needs.
const PATIENCE: Duration = Duration::from_secs(3);
/// Tries in a row that may end for open questions, for a branch that moves as fast as they are answered.
const MAX_ASKED: u32 = 3;

/// Writers that wait for answers about their sources.
#[derive(Debug, Default)]
pub(super) struct Asides {
    /// Those that the draft in the making could not place.
    pub(super) met: BTreeMap<Id, Vec<Question>>,
    /// Those without whom the lane goes on.
    aside: BTreeMap<Id, Vec<Question>>,
    /// Until when a draft waits for answers; `None` in the branch's turn.
    until: Option<Instant>,
    /// Tries in a row that ended for open questions.
    asked: u32,
}

impl Asides {
    pub(super) fn has(&self, id: Id) -> bool {
        self.aside.contains_key(&id)
    }

    /// Whether this is the first draft since something landed or was lost: others are part of the same try.
    pub(super) fn is_first(&self) -> bool {
        self.asked == 0
    }

    pub(super) fn done(&mut self) {
        self.asked = 0;
    }
}

impl Worker {
    /// What is known of the claim, waiting for it only where nobody is kept from the branch.
    pub(super) async fn told(&mut self, claim: &Claim, theirs: &[String]) -> Order {
        let told = self.orders.newer(&self.pusher.git, claim, theirs);
        let (Order::NotYet(open), Some(until)) = (&told, self.asides.until) else { return told };
        self.orders.wait(open, until).await;
        self.orders.newer(&self.pusher.git, claim, theirs)
    }

    /// Whether the draft in the turn is to be given up for its open questions. Otherwise who has one is set aside.
    pub(super) fn gives_up(&mut self) -> bool {
        if self.asides.met.is_empty() {
            return false;
        }
        if self.asides.asked < MAX_ASKED {
            return true;
        }
        self.set_aside();
        false
    }

    /// Drafts once more, without the turn, and waits for what is asked on the way.
    pub(super) async fn ask(&mut self, base: &BaseCommit) -> Result<Tried, GitError> {
        self.asides.asked += 1;
        self.asides.until = Some(Instant::now() + PATIENCE);
        let drafted = self.draft(base).await;
        self.asides.until = None;
        drafted?;
        self.set_aside();
        Ok(Tried::Asked)
    }

    fn set_aside(&mut self) {
        let met = std::mem::take(&mut self.asides.met);
        tracing::debug!(
            writers = met.len(),
            "the commit is made without those whose source has not answered"
        );
        self.asides.aside.extend(met);
    }

    /// Takes in answers, and whoever has them all.
    pub(super) fn hear(&mut self) {
        self.orders.hear();
        let (orders, writers) = (&self.orders, &self.writers);
        self.asides.aside.retain(|id, questions| writers.contains_key(id) && orders.is_open(questions));
    }

    /// Whether there are writers, and all of them are set aside.
    pub(super) fn only_waits(&self) -> bool {
        !self.writers.is_empty() && self.writers.keys().all(|id| self.asides.has(*id))
    }

    /// Waits for an answer, another writer, or somebody's deadline.
    pub(super) async fn idle(&mut self) {
        let Some(limit) = self.writers.values().map(|writer| writer.request.deadline).min() else { return };
        tokio::select! {
            () = self.orders.next() => {}
            () = self.lane.woken() => {}
            () = sleep_until(limit) => {}
        }
    }
}
