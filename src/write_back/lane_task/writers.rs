//! The writers of a lane task: how they join, leave and get their answers.

use std::time::Duration;

use tokio::time::Instant;

use super::super::draft::Id;
use super::super::writer::{LeaveReason, Outcome};
use super::LaneTask;
use crate::git::GitError;

impl LaneTask {
    /// Takes the queued writers.
    pub(super) fn join(&mut self) {
        for writer in self.lane.take() {
            self.writers.insert(self.next_id, writer);
            self.next_id += 1;
        }
    }

    /// Drops writers that were cancelled, whose deadline has passed, or that a shutdown stops.
    pub(super) fn remove_departed(&mut self) {
        if self.confirm_by.is_some_and(|limit| Instant::now() >= limit) {
            self.reopen();
        }
        let leaving: Vec<_> =
            self.writers.iter().filter_map(|(id, w)| Some((*id, w.leave_reason()?))).collect();
        for (id, leave_reason) in leaving {
            match leave_reason {
                LeaveReason::Cancelled => drop(self.writers.remove(&id)),
                LeaveReason::Failed(error) => self.answer(id, Err(error.into())),
            }
        }
        if self.writers.is_empty() {
            self.sent.clear();
        }
    }

    /// Answers a writer from what was read. If the tips were read ahead, they may be stale, so the branch is read
    /// again instead.
    pub(super) fn answer_read(&mut self, id: Id, outcome: Outcome) {
        match self.read_ahead_at {
            Some(_) => self.answer_withheld = true,
            None => self.answer(id, outcome),
        }
    }

    pub(super) fn answer(&mut self, id: Id, outcome: Outcome) {
        if let Some(writer) = self.writers.remove(&id) {
            writer.answer(outcome);
        }
    }

    pub(super) fn fail(&mut self, error: &GitError) {
        self.reader.reset();
        self.sent.clear();
        self.confirm_by = None;
        for (_, writer) in std::mem::take(&mut self.writers) {
            writer.fail(error.clone());
        }
        self.permits.clear();
    }

    /// Marks that no push is in progress, so that writers may leave.
    pub(super) fn reopen(&mut self) {
        self.confirm_by = None;
        self.permits.clear();
        self.writers.values().for_each(|writer| writer.reopen(None));
    }

    pub(super) fn note(&self, why: &str, pause: Duration) {
        self.writers.values().filter(|_| self.confirm_by.is_none()).for_each(|w| w.reopen(Some(why)));
        let (writers, pause_ms) = (self.writers.len(), pause.as_millis());
        tracing::info!(writers, pause_ms, "commit did not land: {why}");
    }
}
