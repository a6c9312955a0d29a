//! Sends a commit to the server, and handles each outcome of the push.

use tokio::time::{Instant, timeout_at};

use super::find_sent::{Sent, SentId};
use super::push::{Delivery, ReadyCommit};
use super::{AttemptResult, CONFIRM, LaneTask};
use crate::git::GitError;
use crate::git::branch::short_name;
use crate::git::push::PushOutcome;
use crate::git::report::RefStatus;
use crate::write_back::draft::Draft;
use crate::write_back::publish::Published;

impl LaneTask {
    /// Delivers the commit. Its writers wait until the outcome is known.
    pub(super) async fn send(&mut self, ready: ReadyCommit) -> Result<AttemptResult, GitError> {
        let ReadyCommit { draft, delivery, permits } = ready;
        self.permits = permits;
        let (id, lost) = match delivery {
            Delivery::Push(receive_pack, update, oid) => match receive_pack.push(update).await? {
                PushOutcome::Reported(RefStatus::Accepted) => {
                    self.accepted(&draft, &oid.to_string());
                    return Ok(AttemptResult::Done);
                }
                PushOutcome::Reported(verdict) => return self.reported(&draft, verdict).await,
                PushOutcome::Unknown(error) => (SentId::Commit(oid), lost(error)),
            },
            Delivery::Api(publish, proposal) => {
                let id = SentId::Message { text: proposal.message.clone(), base: proposal.base.clone() };
                match publish.write(*proposal).await {
                    Published::Landed(commit) => {
                        self.at_most = self.at_most.saturating_mul(2);
                        self.answer_all(draft.answers(&commit, true));
                        return Ok(AttemptResult::Done);
                    }
                    Published::Conflict(why) => return self.reported(&draft, RefStatus::Moved(why)).await,
                    Published::Refused(why) => {
                        self.reopen();
                        let (repo, branch) = self.place();
                        return Ok(self.refused(&draft, GitError::RefusedByApi { repo, branch, why }));
                    }
                    Published::Unknown(error) => (id, lost(error)),
                }
            }
        };
        let commit = if let SentId::Commit(oid) = &id { oid.to_string() } else { String::new() };
        self.sent.push(Sent { id, answers: draft.answers(&commit, true) });
        for writer in draft.ids().filter_map(|id| self.writers.get(&id)) {
            writer.sent(&commit);
        }
        let limit = Instant::now() + CONFIRM;
        self.confirm_by = Some(limit);
        match timeout_at(limit, self.confirm()).await {
            Ok(Ok(true)) => Ok(AttemptResult::Done),
            Ok(Ok(false)) => Err(lost),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                self.reader.reset();
                Ok(AttemptResult::Again(NOT_FOUND.to_owned()))
            }
        }
    }

    /// Handles a push that the server accepted: the branch is now at `commit`.
    fn accepted(&mut self, draft: &Draft, commit: &str) {
        if self.request.head.is_none() {
            self.reader.moved(&draft.base, commit);
        }
        self.at_most = self.at_most.saturating_mul(2);
        self.answer_all(draft.answers(commit, true));
    }

    async fn confirm(&mut self) -> Result<bool, GitError> {
        let tips = self.reader.tips().await?;
        self.settle(&tips).await
    }

    /// Handles a push that the server reported as not done.
    async fn reported(&mut self, draft: &Draft, verdict: RefStatus) -> Result<AttemptResult, GitError> {
        self.reopen();
        let has_moved = matches!(verdict, RefStatus::Moved(_));
        if self.read_ahead_at.take().is_some() && (has_moved || self.has_moved(draft).await?) {
            return Ok(AttemptResult::StaleTips);
        }
        match verdict {
            RefStatus::Refused { reason, said } => {
                let (repo, branch) = self.place();
                Ok(self.refused(draft, GitError::Refused { repo, branch, reason, said }))
            }
            RefStatus::Failed(what) => {
                let (repo, what) = (self.request.repo.to_string(), format!("its storage failed: {what}"));
                Err(GitError::Unavailable { repo, action: "push to", what, cause: None })
            }
            RefStatus::Moved(why) => {
                // `receive.denyNonFastForwards`: the server accepts only added commits.
                self.adds_only |= self.request.head.is_some() && why.contains("non-fast-forward");
                let name_conflict = match &self.request.head {
                    Some(head) => self.reader.name_conflict(&head.clone()).await?,
                    None => None,
                };
                name_conflict.map_or(Ok(AttemptResult::Again(why)), Err)
            }
            RefStatus::Accepted => Ok(AttemptResult::Done),
        }
    }

    /// Whether the branch has moved since the draft was made. Then a refusal says nothing about the commit.
    async fn has_moved(&mut self, draft: &Draft) -> Result<bool, GitError> {
        Ok(self.reader.tips().await?.base != draft.base)
    }

    /// Handles a commit that the server refuses. If it has several writers, the next commits have half as many,
    /// because a rule may protect the file of one writer only.
    fn refused(&mut self, draft: &Draft, error: GitError) -> AttemptResult {
        if draft.edits.len() > 1 {
            self.at_most = draft.edits.len() / 2;
            return AttemptResult::Again(error.to_string());
        }
        for id in draft.ids() {
            self.answer(id, Err(error.clone().into()));
        }
        AttemptResult::Done
    }

    /// The repository and the target branch, for errors.
    fn place(&self) -> (String, String) {
        (self.request.repo.to_string(), short_name(&self.target()).to_owned())
    }
}

/// The text for a push whose report was lost and whose commit was not found.
const NOT_FOUND: &str =
    "the commit was sent, but the branch does not hold it, as far as it could be read in time";

/// Logs an error that leaves the outcome of a push open. If the commit did not land, the error counts as an outage.
fn lost(error: GitError) -> GitError {
    tracing::warn!(%error, "a push has no certain outcome: reading the branch to see whether it landed");
    error
}
