//! Finds out whether commits whose push had no clear outcome are on the branch.

use git2::Oid;

use super::LaneTask;
use crate::git::GitError;
use crate::git::read::{BranchTips, HistoryDepth};
use crate::write_back::draft::Id;
use crate::write_back::request::Landed;
use crate::write_back::writer::Writer;

/// A commit that was sent, whose outcome is unknown.
pub(super) struct Sent {
    pub(super) id: SentId,
    pub(super) answers: Vec<(Id, Landed)>,
}

/// How the commit is recognised on the branch.
pub(super) enum SentId {
    Commit(Oid),
    /// By its message, in a commit above `base`, because the server made the commit itself.
    Message {
        text: String,
        base: String,
    },
}

impl LaneTask {
    /// Checks whether a sent commit is on the branch. If it is, answers its writers.
    pub(super) async fn settle(&mut self, tips: &BranchTips) -> Result<bool, GitError> {
        if self.sent.is_empty() {
            return Ok(false);
        }
        // A pull request's branch may already be merged and deleted.
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

    /// Finds the sent commit that is on the branch at `tip`; returns its index in `sent` and its id.
    async fn find_sent(&mut self, tip: &str) -> Result<Option<(usize, String)>, GitError> {
        let commit = |sent: &Sent| if let SentId::Commit(oid) = sent.id { Some(oid) } else { None };
        let ours: Vec<_> = self.sent.iter().filter_map(commit).collect();
        let found = self.reader.holds(tip, ours).await?;
        // A commit that was made twice within one second has the same id twice. The later answers are better.
        let at = self.sent.iter().rposition(|sent| found.is_some() && commit(sent) == found);
        if let (Some(at), Some(oid)) = (at, found) {
            return Ok(Some((at, oid.to_string())));
        }
        for (at, sent) in self.sent.iter().enumerate().rev() {
            let SentId::Message { text, base } = &sent.id else { continue };
            let (history, _) = self.reader.history(tip, HistoryDepth::Short).await?;
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
