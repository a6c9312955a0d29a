//! Finds out what a login may do in a repository, without changing it.

use super::service::Service;
use super::transport::GitSession;
use super::{Credentials, Git, GitError, RepoUrl, retried};
use crate::time_limits::within;

/// The branches of a repository, as the server lists them to a login that may push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writable {
    branches: Vec<String>,
}

impl Writable {
    /// Whether the branch exists.
    pub fn has(&self, branch: &str) -> bool {
        self.branches.iter().any(|name| name == branch)
    }

    /// Whether there is no branch.
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }
}

impl Git {
    /// Proves that the login may push to `repo`: servers send the first message of a push only to such a login. The
    /// protection rules of a single branch are not known before a push.
    ///
    /// # Errors
    /// See [`GitError::fault`]. Transient errors have already been retried.
    pub async fn may_push(&self, repo: &RepoUrl, credentials: &Credentials) -> Result<Writable, GitError> {
        let open = retried(|| GitSession::open(self, repo, credentials, Service::ReceivePack, &[]));
        let session =
            within(self.options.resolve_timeout, "its server", open).await.unwrap_or_else(|late| {
                let (repo, what) = (repo.to_string(), late.to_string());
                Err(GitError::Unavailable { repo, action: "push to", what, cause: None })
            })?;
        let heads = session.advert.refs(|name| name.starts_with("refs/heads/"));
        Ok(Writable { branches: heads.map(|head| head.name.replacen("refs/heads/", "", 1)).collect() })
    }
}
