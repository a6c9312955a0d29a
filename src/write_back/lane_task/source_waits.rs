//! Asks servers about the order of source commits without holding the branch's lock.
//!
//! If a draft needs an answer that has not arrived, the draft and the lock are given up. The lane task drafts again on
//! the same commit and waits a short time for the answers; then it takes the lock again. A writer whose source is
//! silent for longer is set aside until there is an answer, and its lane continues without it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::base_commit::BaseCommit;
use super::{AttemptResult, LaneTask};
use crate::git::GitError;
use crate::write_back::draft::Id;
use crate::write_back::supersede::{Order, PlannedWrite, Question};

/// How long the writers of a lane wait for an answer that one of them needs.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// The maximum number of attempts in a row that end with open questions. The limit matters when the branch moves as
/// fast as the questions are answered.
const MAX_ASKED: u32 = 3;

/// The writers that wait for answers about their sources.
#[derive(Debug, Default)]
pub(super) struct SourceWaits {
    /// Writers of the current draft with open questions.
    pub(super) with_open_questions: BTreeMap<Id, Vec<Question>>,
    /// Writers that the lane continues without.
    excluded: BTreeMap<Id, Vec<Question>>,
    /// How long a draft waits for answers; `None` while the branch's lock is held.
    until: Option<Instant>,
    /// The number of attempts in a row that ended with open questions.
    asked: u32,
}

impl SourceWaits {
    pub(super) fn has(&self, id: Id) -> bool {
        self.excluded.contains_key(&id)
    }

    /// Whether this is the first draft of an attempt. Later drafts, after open questions, belong to the same attempt.
    pub(super) fn is_first(&self) -> bool {
        self.asked == 0
    }

    pub(super) fn done(&mut self) {
        self.asked = 0;
    }
}

impl LaneTask {
    /// The order of the writer's commit and `theirs`. Waits for answers only while the branch's lock is not held.
    pub(super) async fn order_of(&mut self, planned: &PlannedWrite, theirs: &[String]) -> Order {
        let order = self.orders.newer(&self.pusher.git, planned, theirs);
        let (Order::Unanswered(open), Some(until)) = (&order, self.source_waits.until) else { return order };
        self.orders.wait(open, until).await;
        self.orders.newer(&self.pusher.git, planned, theirs)
    }

    /// Whether the current draft must be given up because of open questions. After [`MAX_ASKED`] attempts the writers
    /// with open questions are set aside instead.
    pub(super) fn must_ask_sources(&mut self) -> bool {
        if self.source_waits.with_open_questions.is_empty() {
            return false;
        }
        if self.source_waits.asked < MAX_ASKED {
            return true;
        }
        self.set_aside();
        false
    }

    /// Drafts again without the lock, and waits for the answers that the draft needs.
    pub(super) async fn ask(&mut self, base: &BaseCommit) -> Result<AttemptResult, GitError> {
        self.source_waits.asked += 1;
        self.source_waits.until = Some(Instant::now() + ANSWER_WAIT);
        let drafted = self.draft(base).await;
        self.source_waits.until = None;
        drafted?;
        self.set_aside();
        Ok(AttemptResult::AskedSources)
    }

    fn set_aside(&mut self) {
        let with_open_questions = std::mem::take(&mut self.source_waits.with_open_questions);
        tracing::debug!(
            writers = with_open_questions.len(),
            "the commit is made without those whose source has not answered"
        );
        self.source_waits.excluded.extend(with_open_questions);
    }

    /// Records answers, and takes back the writers that have all of theirs.
    pub(super) fn take_answers(&mut self) {
        self.orders.take_answers();
        let (orders, writers) = (&self.orders, &self.writers);
        self.source_waits
            .excluded
            .retain(|id, questions| writers.contains_key(id) && orders.is_open(questions));
    }

    /// Whether there are writers and all of them are set aside.
    pub(super) fn only_waits(&self) -> bool {
        !self.writers.is_empty() && self.writers.keys().all(|id| self.source_waits.has(*id))
    }

    /// Waits for an answer, a new writer, or the earliest deadline.
    pub(super) async fn wait(&mut self) {
        let Some(limit) = self.writers.values().map(|writer| writer.request.deadline).min() else { return };
        tokio::select! {
            () = self.orders.next() => {}
            () = self.lane.woken() => {}
            () = sleep_until(limit) => {}
        }
    }
}
