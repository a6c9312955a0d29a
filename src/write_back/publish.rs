//! A commit made through a forge's API instead of a push, where only an API token may write.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::git::{GitError, Identity, RepoUrl};

/// One file that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedFile {
    /// From the repository's root.
    pub path: String,
    /// The blob that the file is on the branch now: what an API compares before it writes.
    pub old_blob: String,
    /// The file's new content.
    pub new: Vec<u8>,
}

/// A change to be written as one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The repository.
    pub repo: RepoUrl,
    /// The branch that was read, without `refs/heads/`.
    pub branch: String,
    /// The branch to write; without, the one that was read.
    pub head: Option<String>,
    /// Whether `head` does not exist and has to be made from `base`.
    pub new_head: bool,
    /// The commit that the change was made on.
    pub base: String,
    /// At least one file.
    pub files: Vec<ProposedFile>,
    /// The commit's whole message, trailers included.
    pub message: String,
    /// The commit's author.
    pub author: Identity,
    /// The commit's committer.
    pub committer: Identity,
}

/// What became of a [`Proposal`].
#[derive(Debug, Clone)]
pub enum Published {
    /// The commit that was made.
    Landed(String),
    /// Somebody else wrote first; nothing was changed. The text says what the server said.
    Conflict(String),
    /// The server will never take this, and why.
    Refused(String),
    /// The answer was lost: the change may have been written.
    Unknown(GitError),
}

type Call = dyn Fn(Proposal) -> BoxFuture<'static, Published> + Send + Sync;

/// Writes a [`Proposal`] through an API.
#[derive(Clone)]
pub struct Publish {
    name: &'static str,
    login: [u8; 32],
    call: Arc<Call>,
}

impl Publish {
    /// A way named `name`. Writers to one branch share a commit if their ways have one name and one `login`: a digest
    /// of whom the API knows, and where it is.
    pub fn new<F>(name: &'static str, login: [u8; 32], call: F) -> Self
    where
        F: Fn(Proposal) -> BoxFuture<'static, Published> + Send + Sync + 'static,
    {
        Self { name, login, call: Arc::new(call) }
    }

    /// What writers who share a commit have in common.
    pub(super) fn identity(&self) -> (&'static str, [u8; 32]) {
        (self.name, self.login)
    }

    /// Writes.
    pub(super) async fn write(&self, proposal: Proposal) -> Published {
        (self.call)(proposal).await
    }
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publish({})", self.name)
    }
}
