//! Makes a commit through a forge's API instead of a push, where only an API token may write.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::git::{GitError, Identity, RepoUrl};

/// A file that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedFile {
    /// The path from the repository's root.
    pub path: String,
    /// The id of the file's current blob on the branch. An API compares it before it writes.
    pub old_blob: String,
    /// The file's new content.
    pub new: Vec<u8>,
}

/// A change to write as one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The repository's address.
    pub repo: RepoUrl,
    /// The branch that was read, without `refs/heads/`.
    pub branch: String,
    /// The branch to write; `None` means the branch that was read.
    pub head: Option<String>,
    /// Whether `head` does not exist and must be created from `base`.
    pub new_head: bool,
    /// The parent commit.
    pub base: String,
    /// The changed files; at least one.
    pub files: Vec<ProposedFile>,
    /// The commit's whole message, trailers included.
    pub message: String,
    /// The commit's author.
    pub author: Identity,
    /// The commit's committer.
    pub committer: Identity,
}

/// The outcome of a [`Proposal`].
#[derive(Debug, Clone)]
pub enum Published {
    /// The commit was made; its id.
    Landed(String),
    /// Somebody else wrote first; nothing was changed. The text is the server's message.
    Conflict(String),
    /// The server refuses the change permanently, with the reason.
    Refused(String),
    /// The answer was lost, so the change may have been written.
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
    /// Makes a publisher. Writers to one branch share a commit if their `name` and `login` are equal. `login` is a
    /// hash of the API's account and address.
    pub fn new<F>(name: &'static str, login: [u8; 32], call: F) -> Self
    where
        F: Fn(Proposal) -> BoxFuture<'static, Published> + Send + Sync + 'static,
    {
        Self { name, login, call: Arc::new(call) }
    }

    /// The part that writers of a shared commit must have in common.
    pub(super) fn identity(&self) -> (&'static str, [u8; 32]) {
        (self.name, self.login)
    }

    /// Calls the API.
    pub(super) async fn write(&self, proposal: Proposal) -> Published {
        (self.call)(proposal).await
    }
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publish({})", self.name)
    }
}
