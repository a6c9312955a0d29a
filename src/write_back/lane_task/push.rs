//! Turns a draft into a commit on the server, and finds out whether it landed.

use git2::Oid;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::base_commit::BaseCommit;
use super::find_sent::{Sent, SentId};
use super::{AttemptResult, CONFIRM, LaneTask};
use crate::git::GitError;
use crate::git::branch::short_name;
use crate::git::push::{PushOutcome, ReceivePack, RefUpdate, ZERO};
use crate::git::read::{BranchTips, oid};
use crate::git::report::RefStatus;
use crate::git::store::Change;
use crate::write_back::draft::Draft;
use crate::write_back::publish::{Proposal, ProposedFile, Publish, Published};
use crate::write_back::read_tips::read_tips;
use crate::write_back::tips_read_ahead::TipsReadAhead;

/// A draft whose writers can no longer leave.
pub(super) struct ReadyCommit {
    draft: Draft,
    delivery: Delivery,
    /// See [`LaneTask::permits`].
    permits: Vec<TaskTrackerToken>,
}

enum Delivery {
    Push(Box<ReceivePack>, RefUpdate, Oid),
    Api(Publish, Box<Proposal>),
}

/// The result of reading the branch and drafting.
pub(super) enum Prepared {
    Done,
    Again(String),
    /// The draft on this commit has open questions.
    Ask(BaseCommit),
    Ready(Box<ReadyCommit>),
}

impl LaneTask {
    pub(super) async fn prepare(&mut self) -> Result<Prepared, GitError> {
        self.answer_withheld = false;
        let prepared = self.read_and_draft().await;
        if self.read_ahead_at.is_none() || !(self.answer_withheld || prepared.is_err()) {
            return prepared;
        }
        // Tips that were read ahead are good enough for a push only, because the server compares them.
        drop(prepared);
        self.reopen();
        self.answer_withheld = true;
        self.read_and_draft().await
    }

    async fn read_and_draft(&mut self) -> Result<Prepared, GitError> {
        let (tips, mut receive_pack) = self.branch_tips().await?;
        self.trailers.clear();
        self.join();
        self.settle(&tips).await?;
        self.remove_departed();
        let mut base = self.base(&tips).await?;
        loop {
            let draft = self.draft(&base).await?;
            if self.must_ask_sources() {
                self.ahead = self.read_ahead_at.map(|read| TipsReadAhead::new(tips, receive_pack, read));
                return Ok(Prepared::Ask(base));
            }
            if draft.changed().next().is_none() {
                self.answer_unchanged(&draft, &draft.base);
                return Ok(Prepared::Done);
            }
            if let Some(instead) = base.on_top_of_replaced(&draft) {
                base = instead;
                continue;
            }
            let delivery = match self.delivery(&draft, &base, &mut receive_pack).await? {
                Ok(delivery) => delivery,
                Err(prepared) => return Ok(prepared),
            };
            if let Some(permits) = self.begin_push(&draft) {
                return Ok(Prepared::Ready(Box::new(ReadyCommit { draft, delivery, permits })));
            }
            // A writer left, so the commit is made again without it.
            self.reopen();
            self.remove_departed();
            if let Delivery::Push(open, ..) = delivery {
                receive_pack = Some(*open);
            }
        }
    }

    /// The branches' tips: those that were read ahead if a push may use them, else the current ones.
    async fn branch_tips(&mut self) -> Result<(BranchTips, Option<ReceivePack>), GitError> {
        let pushes =
            self.request.publish.is_none() && self.writers.values().any(|writer| !writer.request.dry_run);
        let ahead = self.ahead.take().filter(|_| pushes && self.request.head.is_none());
        let Some((tips, open, read)) = ahead.and_then(TipsReadAhead::recent) else {
            self.read_ahead_at = None;
            return read_tips(&self.pusher.git, &mut self.reader, pushes).await;
        };
        self.read_ahead_at = Some(read);
        Ok((tips, open))
    }

    /// Answers all writers of the draft, because `commit` already contains what they want.
    fn answer_unchanged(&mut self, draft: &Draft, commit: &str) {
        for (id, landed) in draft.answers(commit, false) {
            self.answer_read(id, Ok(landed));
        }
    }

    /// Starts the push for all writers of the draft; `None` if one has left.
    fn begin_push(&self, draft: &Draft) -> Option<Vec<TaskTrackerToken>> {
        draft.ids().map(|id| self.writers.get(&id)?.begin_push()).collect()
    }

    /// Chooses how the draft is delivered. The inner error means that it cannot or need not be.
    async fn delivery(
        &mut self,
        draft: &Draft,
        base: &BaseCommit,
        receive_pack: &mut Option<ReceivePack>,
    ) -> Result<Result<Delivery, Prepared>, GitError> {
        if let Some(publish) = self.request.publish.clone() {
            return Ok(Ok(Delivery::Api(publish, Box::new(self.proposal(draft, base)))));
        }
        let (oid, update) = self.commit(draft, base).await?;
        if self.is_already_pushed(oid, base).await? {
            self.answer_unchanged(draft, &base.old);
            return Ok(Err(Prepared::Done));
        }
        let open = match receive_pack.take() {
            Some(receive_pack) => receive_pack,
            None => ReceivePack::open(&self.pusher.git, &self.reader.branches().clone()).await?,
        };
        if !open.is_current(&update.reference, &update.old) {
            return Ok(Err(Prepared::Again("the branch moved meanwhile".to_owned())));
        }
        Ok(Ok(Delivery::Push(Box::new(open), update, oid)))
    }

    /// Whether the pull request's branch already has the same content on the same base.
    async fn is_already_pushed(&mut self, ours: Oid, base: &BaseCommit) -> Result<bool, GitError> {
        if base.old == base.commit || base.old == ZERO {
            return Ok(false);
        }
        let (old, store) = (oid(&base.old)?, self.reader.store().clone());
        store.run(move |inner| Ok(inner.is_same(ours, old))).await
    }

    async fn commit(&mut self, draft: &Draft, base: &BaseCommit) -> Result<(Oid, RefUpdate), GitError> {
        let file = |(plain, new): (&crate::git::tree::PlainFile, &Vec<u8>)| {
            (plain.entry.path.clone(), plain.entry.mode, new.clone())
        };
        let change = Change {
            parent: oid(&draft.base)?,
            files: draft.changed().map(file).collect(),
            author: self.request.author.clone(),
            committer: self.request.committer.clone(),
            message: draft.message(),
            signing_key: self.request.signing_key.clone(),
        };
        let store = self.reader.store().clone();
        let (oid, pack) = store.run(move |inner| inner.commit(&change)).await?;
        let (reference, old) = (self.target(), base.old.clone());
        Ok((oid, RefUpdate { reference, old, new: oid.to_string(), pack }))
    }

    fn proposal(&self, draft: &Draft, base: &BaseCommit) -> Proposal {
        let file = |(plain, new): (&crate::git::tree::PlainFile, &Vec<u8>)| ProposedFile {
            path: plain.entry.path.clone(),
            old_blob: plain.entry.blob.to_string(),
            new: new.clone(),
        };
        Proposal {
            repo: self.request.repo.clone(),
            branch: short_name(&self.request.branch).to_owned(),
            head: self.request.head.as_deref().map(|head| short_name(head).to_owned()),
            new_head: base.old == ZERO,
            base: draft.base.clone(),
            files: draft.changed().map(file).collect(),
            message: draft.message(),
            author: self.request.author.clone(),
            committer: self.request.committer.clone(),
        }
    }

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
