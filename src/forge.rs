//! Code forges: pull requests, and commits through an API. One client, two dialects: Gitea and GitHub.
//!
//! Every call first looks the repository up, so that a renamed one is written to under its present name and an
//! archived one is refused with a plain word. A token travels in the `Authorization` header alone, to one host only.
//! What a call does may be done again: a step that is run twice ends in the same pull request.

mod branches;
mod commit;
mod error;
mod files;
mod gitea;
mod github;
mod http;
mod labels;
mod place;
mod pull;
mod pulls;
pub(crate) mod refusal;
mod repository;
mod talk;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

pub use branches::Branch;
pub use commit::{FileWrite, FilesWrite, Written};
pub use error::ForgeError;
pub use pull::{AutoMerge, MergeMethod, Opened, Pull, PullError, PullRequest};
pub use repository::{BadRepository, Dialect, Repository};

use crate::time_limits::calls;
use place::Place;
use talk::Talk;

/// How to talk to forges.
#[derive(Debug, Clone)]
pub struct ForgeOptions {
    /// PEM certificates trusted besides the system's.
    pub ca_bundle: Option<PathBuf>,
    /// The limit for TCP and TLS.
    pub connect_timeout: Duration,
    /// The limit for one request and its answer.
    pub timeout: Duration,
    /// How long a forge may take to find out whether a pull request conflicts; what lasts longer counts as one.
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

/// What is attempted, for errors.
const OPEN_PULL: &str = "open a pull request in";

/// A client for any number of forges. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Forge {
    http: Arc<http::Http>,
}

impl Forge {
    /// A client.
    ///
    /// # Errors
    /// [`ForgeError::Local`] when the CA bundle cannot be read or is not PEM.
    pub fn new(options: ForgeOptions) -> Result<Self, ForgeError> {
        Ok(Self { http: Arc::new(http::Http::new(options)?) })
    }

    /// Opens a pull request, or brings the one that is open between the two branches up to date.
    ///
    /// Labels, assignees and auto-merge that cannot be had do not fail the call: see [`Pull::warnings`] and
    /// [`AutoMerge::Refused`]. Merged by auto-merge, the head branch is deleted (on GitHub where the repository says
    /// so, or where the merge was possible at once). On Gitea the token needs the scope `write:repository`, for
    /// labels also `write:issue`; on GitHub `pull_requests=write` and, to merge, `contents=write`.
    ///
    /// # Errors
    /// See [`ForgeError::fault`]; transient ones were already retried. [`PullError::pull`] is what there is nevertheless.
    pub async fn pull_request(
        &self,
        repository: &Repository,
        token: &SecretString,
        wanted: &PullRequest,
    ) -> Result<Pull, PullError> {
        let place = self.open(repository, token, OPEN_PULL).await?;
        pulls::ensure(&place, wanted).await
    }

    /// Whether pull requests can be opened in the repository, as far as it can be known before one is: the forge
    /// answers, takes the token and shows the repository, which takes writes and has pull requests turned on.
    ///
    /// # Errors
    /// See [`ForgeError::fault`]; transient ones were already retried.
    pub async fn takes_pull_requests(
        &self,
        repository: &Repository,
        token: &SecretString,
    ) -> Result<(), ForgeError> {
        pulls::are_on(&self.open(repository, token, OPEN_PULL).await?)
    }

    /// Closes the open pull request between two branches, for when they do not differ any more; its number, or
    /// none when there is none.
    ///
    /// # Errors
    /// See [`ForgeError::fault`]; transient ones were already retried.
    pub async fn close_pull_request(
        &self,
        repository: &Repository,
        token: &SecretString,
        head: &str,
        base: &str,
    ) -> Result<Option<u64>, ForgeError> {
        let place = self.open(repository, token, "close a pull request of").await?;
        pulls::close(&place, head, base).await
    }

    /// Makes one commit of several files through the forge's API; Gitea only.
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] when a file, or the new branch, is not what the request takes it for: read again and
    /// repeat. Else see [`ForgeError::fault`]; transient ones were already retried.
    pub async fn write_files(
        &self,
        repository: &Repository,
        token: &SecretString,
        write: &FilesWrite,
    ) -> Result<Written, ForgeError> {
        let branch = write.new_branch.as_ref().unwrap_or(&write.branch);
        let place = self.open(repository, token, &format!("write to branch `{branch}` of")).await?;
        files::write(&place, write).await
    }

    /// The rules of `branch`; none if there is no such branch. The token needs the right to read the repository.
    ///
    /// # Errors
    /// See [`ForgeError::fault`]; transient ones were already retried.
    pub async fn branch(
        &self,
        repository: &Repository,
        token: &SecretString,
        branch: &str,
    ) -> Result<Option<Branch>, ForgeError> {
        let place = self.open(repository, token, &format!("read branch `{branch}` of")).await?;
        branches::read(&place.talk, branch).await
    }

    async fn open(
        &self,
        repository: &Repository,
        token: &SecretString,
        action: &str,
    ) -> Result<Place, ForgeError> {
        Place::open(Talk::new(self.http.clone(), repository, token, action)?).await
    }
}
