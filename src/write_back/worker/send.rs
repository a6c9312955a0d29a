//! From a draft to a commit on the server, and to certainty about it.

use git2::Oid;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::base_commit::BaseCommit;
use super::settle::{Sent, Sign};
use super::{CONFIRM, Tried, Worker};
use crate::git::GitError;
use crate::git::branch::short_name;
use crate::git::push::{Pushed, ReceivePack, RefUpdate, ZERO};
use crate::git::read::{Tips, oid};
use crate::git::report::Verdict;
use crate::git::store::Change;
use crate::write_back::ahead::Ahead;
use crate::write_back::draft::Draft;
use crate::write_back::look::look;
use crate::write_back::publish::{Proposal, ProposedFile, Publish, Published};

/// A draft that is bound to go.
pub(super) struct Ready {
    draft: Draft,
    way: Way,
    /// See [`Worker::permits`].
    permits: Vec<TaskTrackerToken>,
}

enum Way {
    Push(Box<ReceivePack>, RefUpdate, Oid),
    Api(Publish, Box<Proposal>),
}

/// What came of a reading.
pub(super) enum Prepared {
    Done,
    Again(String),
    /// The draft on this commit has open questions.
    Ask(BaseCommit),
    Ready(Box<Ready>),
}

impl Worker {
    pub(super) async fn prepare(&mut self) -> Result<Prepared, GitError> {
        self.doubted = false;
        let prepared = self.read_and_draft().await;
        if self.old.is_none() || !(self.doubted || prepared.is_err()) {
            return prepared;
        }
        // Only a push may be tried on what is old, for the server compares.
        drop(prepared);
        self.reopen();
        self.doubted = true;
        self.read_and_draft().await
    }

    async fn read_and_draft(&mut self) -> Result<Prepared, GitError> {
        let (tips, mut receive_pack) = self.look().await?;
        self.written.clear();
        self.join();
        self.settle(&tips).await?;
        self.retire();
        let mut base = self.base(&tips).await?;
        loop {
            let draft = self.draft(&base).await?;
            if self.gives_up() {
                self.ahead = self.old.map(|read| Ahead::new(tips, receive_pack, read));
                return Ok(Prepared::Ask(base));
            }
            if draft.changed().next().is_none() {
                self.answer_unchanged(&draft, &draft.base);
                return Ok(Prepared::Done);
            }
            if let Some(instead) = base.instead(&draft) {
                base = instead;
                continue;
            }
            let way = match self.way(&draft, &base, &mut receive_pack).await? {
                Ok(way) => way,
                Err(prepared) => return Ok(prepared),
            };
            if let Some(permits) = self.bind(&draft) {
                return Ok(Prepared::Ready(Box::new(Ready { draft, way, permits })));
            }
            // Somebody left: the commit is made again without them.
            self.reopen();
            self.retire();
            if let Way::Push(open, ..) = way {
                receive_pack = Some(*open);
            }
        }
    }

    /// Where the branches are: as it was read ahead, where a push may be tried on that.
    async fn look(&mut self) -> Result<(Tips, Option<ReceivePack>), GitError> {
        let pushes =
            self.request.publish.is_none() && self.writers.values().any(|writer| !writer.request.dry_run);
        let ahead = self.ahead.take().filter(|_| pushes && self.request.head.is_none());
        let Some((tips, open, read)) = ahead.and_then(Ahead::recent) else {
            self.old = None;
            return look(&self.pusher.git, &mut self.reader, pushes).await;
        };
        self.old = Some(read);
        Ok((tips, open))
    }

    /// Answers everybody in the draft, for whom `commit` holds what is wanted.
    fn answer_unchanged(&mut self, draft: &Draft, commit: &str) {
        for (id, landed) in draft.answers(commit, false) {
            self.answer_read(id, Ok(landed));
        }
    }

    /// Binds everybody in the draft to what follows; `None` when one has left.
    fn bind(&self, draft: &Draft) -> Option<Vec<TaskTrackerToken>> {
        draft.ids().map(|id| self.writers.get(&id)?.begin_push()).collect()
    }

    /// How the draft gets there; or that it cannot or need not.
    async fn way(
        &mut self,
        draft: &Draft,
        base: &BaseCommit,
        receive_pack: &mut Option<ReceivePack>,
    ) -> Result<Result<Way, Prepared>, GitError> {
        if let Some(publish) = self.request.publish.clone() {
            return Ok(Ok(Way::Api(publish, Box::new(self.proposal(draft, base)))));
        }
        let (oid, update) = self.commit(draft, base).await?;
        if self.is_there(oid, base).await? {
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
        Ok(Ok(Way::Push(Box::new(open), update, oid)))
    }

    /// Whether the pull request's branch holds the same content on the same base already.
    async fn is_there(&mut self, ours: Oid, base: &BaseCommit) -> Result<bool, GitError> {
        if base.old == base.commit || base.old == ZERO {
            return Ok(false);
        }
        let (old, store) = (oid(&base.old)?, self.reader.store().clone());
        store.run(move |inner| Ok(inner.is_same(ours, old))).await
    }

    async fn commit(&mut self, draft: &Draft, base: &BaseCommit) -> Result<(Oid, RefUpdate), GitError> {
        let file = |(plain, new): (&crate::git::tree::Plain, &Vec<u8>)| {
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
        let file = |(plain, new): (&crate::git::tree::Plain, &Vec<u8>)| ProposedFile {
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

    /// Sends it. Whoever is in it waits until it is known what became of it.
    pub(super) async fn send(&mut self, ready: Ready) -> Result<Tried, GitError> {
        let Ready { draft, way, permits } = ready;
        self.permits = permits;
        let (sign, lost) = match way {
            Way::Push(receive_pack, update, oid) => match receive_pack.push(update).await? {
                Pushed::Judged(Verdict::Accepted) => {
                    self.accepted(&draft, &oid.to_string());
                    return Ok(Tried::Done);
                }
                Pushed::Judged(verdict) => return self.judged(&draft, verdict).await,
                Pushed::Unknown(error) => (Sign::Commit(oid), lost(error)),
            },
            Way::Api(publish, proposal) => {
                let sign = Sign::Message { text: proposal.message.clone(), base: proposal.base.clone() };
                match publish.write(*proposal).await {
                    Published::Landed(commit) => {
                        self.at_most = self.at_most.saturating_mul(2);
                        self.answer_all(draft.answers(&commit, true));
                        return Ok(Tried::Done);
                    }
                    Published::Conflict(why) => return self.judged(&draft, Verdict::Moved(why)).await,
                    Published::Refused(why) => {
                        self.reopen();
                        let (repo, branch) = self.place();
                        return Ok(self.refused(&draft, GitError::RefusedByApi { repo, branch, why }));
                    }
                    Published::Unknown(error) => (sign, lost(error)),
                }
            }
        };
        let commit = if let Sign::Commit(oid) = &sign { oid.to_string() } else { String::new() };
        self.sent.push(Sent { sign, answers: draft.answers(&commit, true) });
        for writer in draft.ids().filter_map(|id| self.writers.get(&id)) {
            writer.sent(&commit);
        }
        let limit = Instant::now() + CONFIRM;
        self.confirm_by = Some(limit);
        match timeout_at(limit, self.confirm()).await {
            Ok(Ok(true)) => Ok(Tried::Done),
            Ok(Ok(false)) => Err(lost),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                self.reader.reset();
                Ok(Tried::Again(UNHELD.to_owned()))
            }
        }
    }

    /// The server says that the branch is at `commit` now.
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

    /// The server's clear no.
    async fn judged(&mut self, draft: &Draft, verdict: Verdict) -> Result<Tried, GitError> {
        self.reopen();
        let has_moved = matches!(verdict, Verdict::Moved(_));
        if self.old.take().is_some() && (has_moved || self.has_moved(draft).await?) {
            return Ok(Tried::Old);
        }
        match verdict {
            Verdict::Refused { reason, said } => {
                let (repo, branch) = self.place();
                Ok(self.refused(draft, GitError::Refused { repo, branch, reason, said }))
            }
            Verdict::Failed(what) => {
                let (repo, what) = (self.request.repo.to_string(), format!("its storage failed: {what}"));
                Err(GitError::Unavailable { repo, action: "push to", what, cause: None })
            }
            Verdict::Moved(why) => {
                // `receive.denyNonFastForwards`: what is there can only be added to.
                self.adds_only |= self.request.head.is_some() && why.contains("non-fast-forward");
                let blocked = match &self.request.head {
                    Some(head) => self.reader.blocked(&head.clone()).await?,
                    None => None,
                };
                blocked.map_or(Ok(Tried::Again(why)), Err)
            }
            Verdict::Accepted => Ok(Tried::Done),
        }
    }

    /// Whether the branch is elsewhere than where the draft was made: then a refusal says nothing of the commit.
    async fn has_moved(&mut self, draft: &Draft) -> Result<bool, GitError> {
        Ok(self.reader.tips().await?.base != draft.base)
    }

    /// The server will not have the commit. Of several writers each is then tried in smaller company, for it may be
    /// one's file that a rule protects.
    fn refused(&mut self, draft: &Draft, error: GitError) -> Tried {
        if draft.parts.len() > 1 {
            self.at_most = draft.parts.len() / 2;
            return Tried::Again(error.to_string());
        }
        for id in draft.ids() {
            self.answer(id, Err(error.clone().into()));
        }
        Tried::Done
    }

    /// The repository and the branch that is written, for errors.
    fn place(&self) -> (String, String) {
        (self.request.repo.to_string(), short_name(&self.target()).to_owned())
    }
}

/// What is said of a push whose answer was lost, and which was not found.
const UNHELD: &str =
    "the commit was sent, but the branch does not hold it, as far as it could be read in time";

/// An error that leaves open whether the commit landed. If it did not, the error counts as an outage.
fn lost(error: GitError) -> GitError {
    tracing::warn!(%error, "a push has no certain outcome: reading the branch to see whether it landed");
    error
}
