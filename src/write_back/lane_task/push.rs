//! Turns a draft into a commit that is ready to be pushed.

use git2::Oid;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::LaneTask;
use super::base_commit::BaseCommit;
use crate::git::GitError;
use crate::git::branch::short_name;
use crate::git::push::{ReceivePack, RefUpdate, ZERO};
use crate::git::read::{BranchTips, oid};
use crate::git::store::TreeChange;
use crate::write_back::draft::Draft;
use crate::write_back::publish::{Proposal, ProposedFile, Publish};
use crate::write_back::read_tips::read_tips;
use crate::write_back::tips_read_ahead::TipsReadAhead;

/// A draft whose writers can no longer leave.
pub(super) struct ReadyCommit {
    pub(super) draft: Draft,
    pub(super) delivery: Delivery,
    /// See [`LaneTask::permits`].
    pub(super) permits: Vec<TaskTrackerToken>,
}

pub(super) enum Delivery {
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
        let change = TreeChange {
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
}
