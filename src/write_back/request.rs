//! What a caller of [`Pusher::write_back`](super::Pusher::write_back) gives and gets.

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

/// Where to commit what an edit makes of which files.
#[derive(Debug, Clone)]
pub struct WriteBack {
    /// The repository.
    pub repo: RepoUrl,
    /// A login that may read and push.
    pub credentials: Credentials,
    /// The branch, `main` or `refs/heads/main`. It must exist.
    pub branch: String,
    /// The files that the edit gets. Each path must be there and plain, each glob must meet at least one file.
    pub files: Vec<FileSpec>,
    /// The commit's author.
    pub author: Identity,
    /// The commit's committer.
    pub committer: Identity,
    /// Signs the commit.
    pub signing_key: Option<SigningKey>,
    /// What the change was built from: an older source never overwrites a newer one.
    pub source: Option<Source>,
    /// What the places in older commits' trailers mean.
    pub places: Option<Places>,
    /// The branch to push to, with the commit based on [`branch`](Self::branch): a pull request's. It need not exist.
    pub head: Option<String>,
    /// Whether to stop short of the push.
    pub dry_run: bool,
    /// Writes the commit through an API instead of a push.
    pub publish: Option<Publish>,
    /// After it no further try is begun.
    pub deadline: Instant,
    /// What a shutdown closes and waits for.
    pub push_gate: Arc<PushGate>,
}

impl WriteBack {
    /// What can be said before anything is asked.
    pub(super) fn check(&self) -> Result<(), GitError> {
        for branch in [Some(&self.branch), self.head.as_ref()].into_iter().flatten() {
            if let Err(why) = check_name(branch) {
                let (repo, revision) = (self.repo.to_string(), crate::git::text::tidy(branch.as_bytes()));
                return Err(GitError::Revision { repo, revision, why: why.to_owned() });
            }
        }
        if let Some(source) = self.source.as_ref().filter(|s| !is_oid(&s.commit.to_ascii_lowercase())) {
            // Without all digits an older build could not be told from a newer one.
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
pub struct Source {
    /// The repository.
    pub repo: RepoUrl,
    /// A login that may read it.
    pub credentials: Credentials,
    /// All digits of the commit's SHA.
    pub commit: String,
}

/// What an edit returns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edited {
    /// The files that it changes, each one of those that it was given. Unchanged ones may be among them.
    pub files: Files,
    /// The message of a commit of its own. Writers that share a commit keep their trailers and their subjects.
    pub message: Message,
}

/// Gets the bytes of a request's files and returns those that it changes. It runs again on fresh bytes whenever
/// somebody else pushed first, on a thread that may block.
pub type EditFn = Arc<dyn Fn(&Files) -> Result<Edited, StepError> + Send + Sync>;

/// One file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// From the repository's root.
    pub path: String,
    /// Before this writer's edit.
    pub old: Vec<u8>,
    /// After it.
    pub new: Vec<u8>,
}

/// The branch holds what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The commit with our change; where nothing had to change or nothing was pushed, the branch's tip as it was read.
    pub commit: String,
    /// Whether this writer's edit changed something.
    pub changed: bool,
    /// How often the edit was applied.
    pub attempts: u32,
    /// What this writer's edit changed.
    pub files: Vec<FileChange>,
    /// The newer source commit that is on the branch already, where the edit was therefore dropped.
    pub superseded_by: Option<String>,
    /// What had to be assumed of the order of source commits, since the source does not show them: a sentence each.
    pub assumed: Vec<String>,
    /// Writers that the commit holds; 1 for a writer alone, and where there is no commit.
    pub batched: usize,
    /// The branch's tip at that time; of a pull request's branch the tip of the one that it is for.
    pub base: String,
}

/// Why nothing landed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// Reading, committing or pushing failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The edit refused what it was given.
    #[error("{}", .0.message)]
    Edit(StepError),
}
