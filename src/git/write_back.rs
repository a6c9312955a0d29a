//! One commit on top of a branch, without a clone: read the tip, apply the edit, push if the tip is still there.
//!
//! A lost race is answered by reading again and applying the *edit* again, never by merging text. Whether a commit
//! landed is read from the server's ref: a push's own answer can be lost, or wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use git2::Oid;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};

use super::error::GitError;
use super::gate::PushGate;
use super::push::{self, Parcel, Pushed};
use super::read::Reader;
use super::report::Verdict;
use super::store::Change;
use super::tree::Entry;
use super::{Credentials, Git, RepoUrl};

/// Files by their path from the repository's root.
pub type Files = BTreeMap<String, Vec<u8>>;

/// An author or committer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Such as `argo-buildkit`.
    pub name: String,
    /// Such as `argo-buildkit@example.com`.
    pub email: String,
}

/// What to commit where.
#[derive(Debug, Clone)]
pub struct WriteBack {
    /// The repository.
    pub repo: RepoUrl,
    /// A login that may read and push.
    pub credentials: Credentials,
    /// The branch, `main` or `refs/heads/main`. It must exist.
    pub branch: String,
    /// The files that the edit gets. Each must be there and plain.
    pub paths: Vec<String>,
    /// The commit's message, trailers included.
    pub message: String,
    /// The commit's author.
    pub author: Identity,
    /// The commit's committer.
    pub committer: Identity,
    /// After it no further try is begun.
    pub deadline: Instant,
    /// What a shutdown closes and waits for.
    pub push_gate: Arc<PushGate>,
}

/// One file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// From the repository's root.
    pub path: String,
    /// On the branch before our commit.
    pub old: Vec<u8>,
    /// In our commit.
    pub new: Vec<u8>,
}

/// The branch holds what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// Our commit; where nothing had to change, the branch's tip as it was read.
    pub commit: String,
    /// Whether a commit was made.
    pub changed: bool,
    /// How often the edit was applied.
    pub attempts: u32,
    /// The files that our commit changed.
    pub files: Vec<FileChange>,
}

/// Why nothing landed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// Reading, committing or pushing failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The edit refused what it was given.
    #[error(transparent)]
    Edit(E),
}

/// Outages that one request sits out.
const MAX_OUTAGES: u32 = 5;
/// How long the ref is asked for after a push, should the deadline be near or past.
const CONFIRM: Duration = Duration::from_secs(30);

/// A request on its way.
pub(super) struct Writer<'a> {
    git: &'a Git,
    request: &'a WriteBack,
    reader: Reader<'a>,
    attempts: u32,
    /// Commits that were sent, with what they change: each may have landed.
    sent: Vec<(Oid, Vec<FileChange>)>,
    /// After it no further try is begun.
    limit: Instant,
    /// How the last try ended.
    last: String,
}

/// A commit that is ready, or a branch that needs none.
enum Prepared {
    Done(Landed),
    Ready(Parcel, Oid, Vec<FileChange>),
}

/// How a try ended, short of an error.
enum Tried {
    Done(Landed),
    Again(String),
}

/// What applies an edit to the files that it is given and returns those that it changed.
pub(super) type Edit<'a, E> = &'a (dyn Fn(&Files) -> Result<Files, E> + Send + Sync);

impl<'a> Writer<'a> {
    pub(super) async fn new(git: &'a Git, request: &'a WriteBack) -> Result<Self, GitError> {
        let reader = Reader::new(git, request).await?;
        Ok(Self {
            git,
            request,
            reader,
            attempts: 0,
            sent: Vec::new(),
            limit: request.deadline,
            last: "the branch was not read in time".to_owned(),
        })
    }

    /// Waits for this process's other writers of the branch.
    async fn turn(&mut self) -> Result<OwnedMutexGuard<()>, GitError> {
        let repo = self.request.repo.to_string();
        tokio::select! {
            turn = self.git.lanes.turn(&repo, self.reader.reference()) => return Ok(turn),
            () = self.request.push_gate.closed() => return Err(GitError::Stopped { repo }),
            () = tokio::time::sleep_until(self.limit) => {}
        }
        self.last = "commits of other steps to the branch were still under way".to_owned();
        Err(self.late())
    }

    /// Tries until it landed, cannot land, or the deadline passed.
    pub(super) async fn run<E>(mut self, edit: Edit<'_, E>) -> Result<Landed, WriteError<E>> {
        let _turn = self.turn().await?;
        let mut outages = 0;
        let mut pauses = pauses();
        loop {
            self.last = match self.once(edit).await {
                Ok(Tried::Done(landed)) => return Ok(landed),
                Ok(Tried::Again(why)) => why,
                Err(WriteError::Git(e)) if self.may_repeat(&e) && outages < MAX_OUTAGES => {
                    outages += 1;
                    self.reader.reset();
                    e.to_string()
                }
                Err(error) => return Err(error),
            };
            let pause = pauses.next().unwrap_or_default();
            tracing::info!(
                attempts = self.attempts,
                pause_ms = pause.as_millis(),
                "commit did not land: {}",
                self.last
            );
            self.pause(pause).await?;
        }
    }

    fn may_repeat(&self, error: &GitError) -> bool {
        matches!(error, GitError::Unavailable { .. })
    }

    /// The deadline passed.
    fn late(&self) -> GitError {
        GitError::Conflict {
            repo: self.request.repo.to_string(),
            branch: self.request.branch.clone(),
            attempts: self.attempts,
            last: self.last.clone(),
        }
    }

    async fn pause(&mut self, pause: Duration) -> Result<(), GitError> {
        let repo = self.request.repo.to_string();
        if Instant::now() + pause >= self.limit {
            return Err(self.late());
        }
        tokio::select! {
            // After a push of unknown outcome the ref is asked first.
            () = self.request.push_gate.closed(), if self.sent.is_empty() => Err(GitError::Stopped { repo }),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    async fn once<E>(&mut self, edit: Edit<'_, E>) -> Result<Tried, WriteError<E>> {
        let prepared = timeout_at(self.limit, self.prepare(edit)).await;
        match prepared.unwrap_or_else(|_| Err(WriteError::Git(self.late())))? {
            Prepared::Done(landed) => Ok(Tried::Done(landed)),
            Prepared::Ready(parcel, oid, files) => Ok(self.push(parcel, oid, files).await?),
        }
    }

    async fn prepare<E>(&mut self, edit: Edit<'_, E>) -> Result<Prepared, WriteError<E>> {
        let tip = self.reader.tip().await?;
        if let Some(landed) = self.landed(&tip.oid).await? {
            return Ok(Prepared::Done(landed));
        }
        let entries = self.reader.files(&tip.oid).await?;
        let old: Files = entries.iter().map(|(e, bytes)| (e.path.clone(), bytes.clone())).collect();
        self.attempts += 1;
        let new = fenced(|| edit(&old)).map_err(WriteError::Edit)?;
        let changes = changes(&old, new)?;
        if changes.is_empty() {
            let (commit, attempts) = (tip.oid, self.attempts);
            return Ok(Prepared::Done(Landed { commit, changed: false, attempts, files: changes }));
        }
        let change = self.change(&tip.oid, &entries, &changes)?;
        let (oid, pack) = self.reader.store().run(move |inner| inner.commit(&change)).await?;
        let parcel = Parcel { reference: tip.name, old: tip.oid, new: oid.to_string(), pack };
        Ok(Prepared::Ready(parcel, oid, changes))
    }

    fn change(
        &self,
        tip: &str,
        entries: &[(Entry, Vec<u8>)],
        changes: &[FileChange],
    ) -> Result<Change, GitError> {
        let mode = |path: &str| entries.iter().find(|(e, _)| e.path == path).map(|(e, _)| e.mode);
        let files =
            changes.iter().filter_map(|c| Some((c.path.clone(), mode(&c.path)?, c.new.clone()))).collect();
        Ok(Change {
            parent: super::read::oid(tip)?,
            files,
            author: self.request.author.clone(),
            committer: self.request.committer.clone(),
            message: self.request.message.clone(),
        })
    }

    async fn push(&mut self, parcel: Parcel, oid: Oid, files: Vec<FileChange>) -> Result<Tried, GitError> {
        // Held until the branch has told whether the commit landed.
        let (pushed, _permit) = push::push(self.git, self.request, parcel).await?;
        let why = match pushed {
            Pushed::Judged(Verdict::Moved(why)) => return Ok(Tried::Again(why)),
            Pushed::Judged(Verdict::Refused { reason, said }) => return Err(self.refused(reason, said)),
            Pushed::Judged(Verdict::Failed(what)) => {
                let (repo, what) = (self.request.repo.to_string(), format!("its storage failed: {what}"));
                return Err(GitError::Unavailable { repo, action: "push to", what, source: None });
            }
            Pushed::Judged(Verdict::Accepted) => {
                "the server took the commit, but the branch does not hold it"
            }
            Pushed::Unknown(error) => {
                tracing::warn!(%error, "the reply to a push was lost: reading the branch to see whether it landed");
                "the reply to the push was lost, and the branch does not hold the commit"
            }
        };
        // The ref is asked even when the deadline is near, for the commit may be there.
        if self.sent.is_empty() {
            self.limit = self.limit.max(Instant::now() + CONFIRM);
        }
        self.sent.push((oid, files));
        let tip = self.reader.tip().await?;
        let landed = self.landed(&tip.oid).await?;
        Ok(landed.map_or_else(|| Tried::Again(why.to_owned()), Tried::Done))
    }

    fn refused(&self, reason: String, said: String) -> GitError {
        let (repo, branch) = (self.request.repo.to_string(), self.request.branch.clone());
        GitError::Refused { repo, branch, reason, said }
    }

    /// Whether one of the commits that were sent is on the branch.
    async fn landed(&mut self, tip: &str) -> Result<Option<Landed>, GitError> {
        let ours: Vec<Oid> = self.sent.iter().map(|(oid, _)| *oid).collect();
        let Some(found) = self.reader.holds(tip, ours).await? else { return Ok(None) };
        let files = self.sent.iter().find(|(oid, _)| *oid == found).map(|(_, files)| files.clone());
        let (commit, attempts, files) = (found.to_string(), self.attempts, files.unwrap_or_default());
        Ok(Some(Landed { commit, changed: true, attempts, files }))
    }
}

/// Short at first, for a race is over in milliseconds; jittered, so that those who met do not meet again.
fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(30))
        .with_max_delay(Duration::from_secs(2))
        .with_factor(1.6)
        .without_max_times()
        .build()
}

/// Runs an edit, which may take a while on a large file, without holding up other tasks where the runtime allows it.
fn fenced<T>(work: impl FnOnce() -> T) -> T {
    let flavor = tokio::runtime::Handle::current().runtime_flavor();
    if flavor == tokio::runtime::RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// What really differs.
fn changes(old: &Files, new: Files) -> Result<Vec<FileChange>, GitError> {
    let mut changes = Vec::new();
    for (path, new) in new {
        let Some(old) = old.get(&path) else {
            return Err(GitError::local(
                "commit an edit",
                format!("it returned `{path}`, which it was not given"),
            ));
        };
        if *old != new {
            changes.push(FileChange { path, old: old.clone(), new });
        }
    }
    Ok(changes)
}
