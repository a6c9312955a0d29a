//! What became of commits that were sent: the branch alone can tell.

use git2::Oid;

use super::Worker;
use crate::git::GitError;
use crate::git::read::{Reach, Tips};
use crate::write_back::draft::Id;
use crate::write_back::request::Landed;
use crate::write_back::writer::Writer;

/// What was sent without a certain answer.
pub(super) struct Sent {
    pub(super) sign: Sign,
    pub(super) answers: Vec<(Id, Landed)>,
}

/// How it is known again.
pub(super) enum Sign {
    Commit(Oid),
    /// The message of a commit above `base`, for the server made the commit itself.
    Message {
        text: String,
        base: String,
    },
}

impl Worker {
    /// Asks the branch whether a commit that was sent is on it, and answers those whose commit is.
    pub(super) async fn settle(&mut self, tips: &Tips) -> Result<bool, GitError> {
        if self.sent.is_empty() {
            return Ok(false);
        }
        // A pull request's branch may be merged and gone by now.
        let mut found = None;
        for tip in tips.head.iter().chain([&tips.base]) {
            if found.is_none() {
                found = self.find_sent(tip).await?;
            }
        }
        let settled = found.is_some();
        if let Some((at, commit)) = found {
            self.at_most = self.at_most.saturating_mul(2);
            let answers = self.sent.remove(at).answers;
            let landed = |(id, landed)| (id, Landed { commit: commit.clone(), ..landed });
            self.answer_all(answers.into_iter().map(landed).collect());
        }
        self.writers.values().for_each(Writer::settled);
        self.reopen();
        Ok(settled)
    }

    /// Which of the commits that were sent is on the branch at `tip`, and its id.
    async fn find_sent(&mut self, tip: &str) -> Result<Option<(usize, String)>, GitError> {
        let commit = |sent: &Sent| if let Sign::Commit(oid) = sent.sign { Some(oid) } else { None };
        let ours: Vec<_> = self.sent.iter().filter_map(commit).collect();
        let found = self.reader.holds(tip, ours).await?;
        // Made twice in one second, a commit has one id twice: the later answers are the better.
        let at = self.sent.iter().rposition(|sent| found.is_some() && commit(sent) == found);
        if let (Some(at), Some(oid)) = (at, found) {
            return Ok(Some((at, oid.to_string())));
        }
        for (at, sent) in self.sent.iter().enumerate().rev() {
            let Sign::Message { text, base } = &sent.sign else { continue };
            let (history, _) = self.reader.history(tip, Reach::Near).await?;
            let mut above = history.iter().take_while(|commit| commit.oid.to_string() != *base);
            if let Some(commit) = above.find(|commit| commit.message.trim_end() == text.trim_end()) {
                return Ok(Some((at, commit.oid.to_string())));
            }
        }
        Ok(None)
    }

    pub(super) fn answer_all(&mut self, answers: Vec<(Id, Landed)>) {
        for (id, landed) in answers {
            self.answer(id, Ok(landed));
        }
    }
}
