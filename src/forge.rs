//! Client for code forges: pull requests, commits through an API, and statuses of commits. It supports Gitea and GitHub.
//!
//! Every call first reads the repository. So a write to a renamed repository uses the present name, and a write to an
//! archived one is refused with a clear message. The token is sent in the `Authorization` header only, to one host
//! only. Every call may be repeated: a step that runs twice ends with the same pull request.

mod branches;
mod client;
mod commit;
mod error;
mod files;
mod gitea;
mod github;
mod hooks;
mod http;
mod labels;
mod packages;
mod pull;
mod pulls;
pub(crate) mod refusal;
mod repository;
mod statuses;
mod wire;
mod writable;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

pub use branches::Branch;
pub use commit::{CreatedCommit, FileWrite, FilesWrite};
pub use error::ForgeError;
pub use hooks::Hook;
pub use pull::{AutoMerge, MergeMethod, OpenPull, Pull, PullError, PullRequest};
pub use repository::{BadRepository, Dialect, ForgeRepository};
pub use statuses::{Status, StatusState};

use crate::time_limits::calls;
use client::ForgeClient;
use writable::WritableRepository;

/// The settings of the client.
#[derive(Debug, Clone)]
pub struct ForgeOptions {
    /// PEM certificates that are trusted in addition to the system's.
    pub ca_bundle: Option<PathBuf>,
    /// The limit for TCP and TLS.
    pub connect_timeout: Duration,
    /// The limit for one request and its answer.
    pub timeout: Duration,
    /// How long a forge may take to decide whether a pull request conflicts. After this time, it counts as a
    /// conflict.
    pub mergeable_wait: Duration,
}

impl Default for ForgeOptions {
    fn default() -> Self {
        Self {
            ca_bundle: None,
            connect_timeout: calls::FORGE_CONNECT.whole(),
            timeout: calls::FORGE.whole(),
            mergeable_wait: Duration::from_secs(20),
        }
    }
}

/// The action, for error messages.
const OPEN_PULL: &str = "open a pull request in";

/// A client for any number of forges. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Forge {
    http: Arc<http::Http>,
}

impl Forge {
    /// Creates a client.
    ///
    /// # Errors [`ForgeError::Local`] if the CA bundle cannot be read or is not PEM.
    pub fn new(options: ForgeOptions) -> Result<Self, ForgeError> {
        Ok(Self { http: Arc::new(http::Http::new(options)?) })
    }

    /// Opens a pull request, or updates the open one between the two branches.
    ///
    /// Labels, assignees and auto-merge that the forge refuses do not fail the call: see [`Pull::warnings`] and
    /// [`AutoMerge::Refused`]. After an auto-merge, the head branch is deleted (on GitHub only if the repository is
    /// set so, or if the merge was possible at once). On Gitea the token needs the scope `write:repository`, and
    /// `write:issue` for labels. On GitHub it needs `pull_requests=write`, and `contents=write` to merge.
    ///
    /// # Errors See [`ForgeError::fault`]; transient errors were already retried. [`PullError::pull`] is the pull
    /// request, if there is one all the same.
    pub async fn pull_request(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
        wanted: &PullRequest,
    ) -> Result<Pull, PullError> {
        let repo = self.open(repository, token, OPEN_PULL).await?;
        pulls::ensure(&repo, wanted).await
    }

    /// Checks whether pull requests can be opened in the repository: the forge answers, accepts the token and shows
    /// the repository, which is writable and has pull requests turned on.
    ///
    /// # Errors See [`ForgeError::fault`]; transient errors were already retried.
    pub async fn takes_pull_requests(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
    ) -> Result<(), ForgeError> {
        pulls::check_enabled(&self.open(repository, token, OPEN_PULL).await?)
    }

    /// Closes the open pull request between two branches that no longer differ. Returns its number, or `None` if
    /// there is none.
    ///
    /// # Errors See [`ForgeError::fault`]; transient errors were already retried.
    pub async fn close_pull_request(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
        head: &str,
        base: &str,
    ) -> Result<Option<u64>, ForgeError> {
        let repo = self.open(repository, token, "close a pull request of").await?;
        pulls::close(&repo, head, base).await
    }

    /// Makes one commit of several files through the forge's API; Gitea only.
    ///
    /// # Errors [`ForgeError::Conflict`] if a file or the new branch is not in the state that the request assumes:
    /// read again and repeat. For others see [`ForgeError::fault`]; transient errors were already retried.
    pub async fn write_files(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
        write: &FilesWrite,
    ) -> Result<CreatedCommit, ForgeError> {
        let branch = write.new_branch.as_ref().unwrap_or(&write.branch);
        let repo = self.open(repository, token, &format!("write to branch `{branch}` of")).await?;
        files::write(&repo, write).await
    }

    /// The rules of `branch`; `None` if there is no such branch. The token needs the right to read the repository.
    ///
    /// # Errors See [`ForgeError::fault`]; transient errors were already retried.
    pub async fn branch(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
        branch: &str,
    ) -> Result<Option<Branch>, ForgeError> {
        let repo = self.open(repository, token, &format!("read branch `{branch}` of")).await?;
        branches::read(&repo.client, branch).await
    }

    /// The webhooks of the repository and of its organisation. The token's owner needs to administrate the repository; on
    /// Gitea it needs the scope `read:repository`, and `read:organization` for those of the organisation.
    ///
    /// # Errors See [`ForgeError::fault`]; transient errors were already retried.
    pub async fn hooks(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
    ) -> Result<Vec<Hook>, ForgeError> {
        hooks::read(&ForgeClient::new(self.http.clone(), repository, token, "read the hooks of")?).await
    }

    /// Sets a status of a commit, unless the newest one of its context says the same. Returns whether it was written.
    ///
    /// On Gitea the token needs the scope `write:repository`, on GitHub `statuses=write`.
    ///
    /// # Errors [`ForgeError::UnknownCommit`] if the repository does not have the commit. For others see [`ForgeError::fault`];
    /// transient errors were already retried.
    pub async fn set_status(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
        wanted: &Status,
    ) -> Result<bool, ForgeError> {
        let repo = self.open(repository, token, "set the status of a commit in").await?;
        statuses::set(&repo.client, wanted).await
    }

    /// Links an image in the forge's own registry to the repository, whose owner must be the image's; Gitea only. `path` is the
    /// image's name without the registry. Returns whether the image was not linked before. The token needs the scope
    /// `write:package`.
    ///
    /// # Errors [`ForgeError::Refused`] if the image is linked to another repository. For others see [`ForgeError::fault`];
    /// transient errors were already retried.
    pub async fn link_package(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
        path: &str,
    ) -> Result<bool, ForgeError> {
        let repo = self.open(repository, token, &format!("link the image `{path}` to")).await?;
        packages::link(&repo.client, path).await
    }

    async fn open(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
        action: &str,
    ) -> Result<WritableRepository, ForgeError> {
        WritableRepository::open(ForgeClient::new(self.http.clone(), repository, token, action)?).await
    }
}
