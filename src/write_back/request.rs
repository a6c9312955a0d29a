//! The parameters and results of [`Pusher::write_back`](super::Pusher::write_back).

use std::sync::Arc;

use tokio::time::Instant;

use super::files::Files;
use super::message::Message;
use super::places::Places;
use super::publish::Publish;
use crate::git::advert::is_oid;
use crate::git::check_name;
use crate::git::file_spec::FileSpec;
use crate::git::{Credentials, GitError, Identity, RepoUrl, SigningKey};
use crate::outcome::StepError;
use crate::push_gate::PushGate;

/// A request: the branch to commit to, the files to edit, and how to commit.
#[derive(Debug, Clone)]
pub struct WriteBack {
    /// The repository's address.
    pub repo: RepoUrl,
    /// A login with the right to read and push.
    pub credentials: Credentials,
    /// The branch, `main` or `refs/heads/main`. It must exist.
    pub branch: String,
    /// The files that the edit gets. Each path must exist and be a plain file; each glob must match at least one
    /// file.
    pub files: Vec<FileSpec>,
    /// The commit's author.
    pub author: Identity,
    /// The commit's committer.
    pub committer: Identity,
    /// The key that signs the commit; `None` means no signature.
    pub signing_key: Option<SigningKey>,
    /// The commit that the change was built from. An older source commit never overwrites a newer one.
    pub source: Option<SourceCommit>,
    /// Resolves the trailers of older commits to places.
    pub places: Option<Places>,
    /// A pull request's branch to push to; its commit is based on [`branch`](Self::branch). It need not exist.
    pub head: Option<String>,
    /// Whether to do everything but the push.
    pub dry_run: bool,
    /// If set, the commit is made through an API instead of a push.
    pub publish: Option<Publish>,
    /// No attempt begins after the deadline.
    pub deadline: Instant,
    /// The gate that a shutdown closes; the shutdown then waits for pushes that have begun.
    pub push_gate: Arc<PushGate>,
}

impl WriteBack {
    /// Checks the request without asking a server.
    pub(super) fn check(&self) -> Result<(), GitError> {
        for branch in [Some(&self.branch), self.head.as_ref()].into_iter().flatten() {
            if let Err(why) = check_name(branch) {
                let (repo, revision) = (self.repo.to_string(), crate::git::text::tidy(branch.as_bytes()));
                return Err(GitError::Revision { repo, revision, why: why.to_owned() });
            }
        }
        if let Some(source) = self.source.as_ref().filter(|s| !is_oid(&s.commit.to_ascii_lowercase())) {
            // A shortened SHA cannot be used to tell an older build from a newer one.
            let (repo, revision) =
                (source.repo.to_string(), crate::git::text::tidy(source.commit.as_bytes()));
            let why = "this is no source commit; give all 40 hex digits of its SHA".to_owned();
            return Err(GitError::Revision { repo, revision, why });
        }
        Ok(())
    }
}

/// A commit of the repository that an image was built from.
#[derive(Debug, Clone)]
pub struct SourceCommit {
    /// The repository's address.
    pub repo: RepoUrl,
    /// A login that may read the repository.
    pub credentials: Credentials,
    /// The commit's full SHA.
    pub commit: String,
}

/// The result of an edit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edited {
    /// The changed files; each must be one of the given files. Unchanged files may be included.
    pub files: Files,
    /// The message for a commit with this edit only. Writers that share a commit keep their trailers and subjects.
    pub message: Message,
}

/// Gets the bytes of a request's files and returns the files that it changes. It runs on a thread that may block. It
/// runs again on fresh bytes whenever somebody else pushed first.
pub type EditFn = Arc<dyn Fn(&Files) -> Result<Edited, StepError> + Send + Sync>;

/// A file before and after an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The path from the repository's root.
    pub path: String,
    /// The content before this writer's edit.
    pub old: Vec<u8>,
    /// The content after this writer's edit.
    pub new: Vec<u8>,
}

/// The result of a write-back that succeeded: the branch contains what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The commit with our change. If nothing had to change or nothing was pushed, the branch's tip that was read.
    pub commit: String,
    /// Whether this writer's edit changed something.
    pub changed: bool,
    /// How often the edit was applied.
    pub attempts: u32,
    /// What this writer's edit changed.
    pub files: Vec<FileChange>,
    /// The newer source commit that is already on the branch, if the edit was dropped because of it.
    pub superseded_by: Option<String>,
    /// What had to be assumed about the order of source commits, because the source does not serve them: one sentence
    /// each.
    pub assumed: Vec<String>,
    /// The number of writers in the commit; 1 for a single writer, and if there is no commit.
    pub batched: usize,
    /// The branch's tip at that time; for a pull request, the tip of the target branch.
    pub base: String,
}

/// Why a write-back failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// Reading, committing or pushing failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The edit refused what it was given.
    #[error("{}", .0.message)]
    Edit(StepError),
}
