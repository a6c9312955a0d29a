//! What a login may do at a repository, found out without changing it.

use super::service::Service;
use super::transport::Session;
use super::{Credentials, Git, GitError, RepoUrl, retried};
use crate::time_limits::within;

/// The names of a repository's branches, as the server shows them to one who may push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writable {
    branches: Vec<String>,
}

impl Writable {
    /// Whether there is such a branch.
    pub fn has(&self, branch: &str) -> bool {
        self.branches.iter().any(|name| name == branch)
    }

    /// Whether there is no branch at all.
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }
}

impl Git {
    /// Proves that the login may push to `repo`: servers show what a push is made from to nobody else. A rule of one
    /// branch is not known before a push.
    ///
    /// # Errors
    /// See [`GitError::fault`]; transient ones were already retried.
    pub async fn may_push(&self, repo: &RepoUrl, credentials: &Credentials) -> Result<Writable, GitError> {
        let open = retried(|| Session::open(self, repo, credentials, Service::ReceivePack, &[]));
        let session =
            within(self.options.resolve_timeout, "its server", open).await.unwrap_or_else(|late| {
                let (repo, what) = (repo.to_string(), late.to_string());
                Err(GitError::Unavailable { repo, action: "push to", what, cause: None })
            })?;
        let heads = session.advert.refs(|name| name.starts_with("refs/heads/"));
        Ok(Writable { branches: heads.map(|head| head.name.replacen("refs/heads/", "", 1)).collect() })
    }
}
