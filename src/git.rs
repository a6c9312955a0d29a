//! Talks to Git servers, and reads and makes objects: the right to read a commit, branches, files, packs and pushes.
//!
//! The wire is ours (smart HTTP over reqwest, SSH over russh); libgit2 is used for objects and packs only.
//! [`Git::resolve`] proves with the caller's own login that the server shows a commit.

pub(crate) mod advert;
mod bounds;
pub(crate) mod branch;
mod clients;
mod credentials;
mod error;
pub(crate) mod fetch;
pub(crate) mod file_spec;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod http;
mod identity;
mod memory;
pub(crate) mod names;
mod pack;
pub(crate) mod path;
mod pkt;
mod probe;
mod proof;
pub(crate) mod push;
pub(crate) mod read;
mod remote;
pub(crate) mod report;
pub(crate) mod resolve;
pub(crate) mod service;
mod signing;
mod snapshot;
mod ssh;
pub(crate) mod store;
pub(crate) mod submodules;
pub(crate) mod text;
pub(crate) mod transport;
pub(crate) mod tree;
mod url;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backon::Retryable as _;

pub use credentials::{Credentials, SshKey};
pub use error::GitError;
pub use file_spec::{BadFileSpec, FileSpec};
pub use identity::Identity;
pub use probe::Writable;
use proof::Part;
use resolve::Proven;
pub use resolve::Resolved;
pub(crate) use resolve::check_name;
pub use signing::{BadSigningKey, SigningKey};
pub use url::{BadRepoUrl, RepoUrl};

use crate::time_limits::{calls, pauses, within};
use clients::Clients;
pub(crate) use memory::Memory;
use service::Service;
use snapshot::Objects;
pub(crate) use snapshot::{Pointers, Snapshot, Sort};
use transport::Session;

/// How to talk to Git servers.
#[derive(Debug, Clone)]
pub struct GitOptions {
    /// PEM certificates trusted besides the system's.
    pub ca_bundle: Option<PathBuf>,
    /// The limit for TCP, TLS and SSH greetings.
    pub connect_timeout: Duration,
    /// The longest silence of a server.
    pub read_timeout: Duration,
    /// The limit for one question, such as [`Git::resolve`], its retries included.
    pub resolve_timeout: Duration,
    /// Where objects are kept while a commit is made; without it the system's, then `/dev/shm`.
    pub temp_dir: Option<PathBuf>,
    /// Whether an SSH server is trusted when the secret has no `known_hosts`. Off: without it a server cannot be told
    /// from an impostor that would then serve the source of the build.
    pub accept_unknown_ssh_hosts: bool,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self {
            ca_bundle: None,
            connect_timeout: calls::GIT_CONNECT.whole(),
            read_timeout: calls::GIT.silence(),
            resolve_timeout: calls::GIT_QUESTION.whole(),
            temp_dir: None,
            accept_unknown_ssh_hosts: false,
        }
    }
}

/// A client for any number of Git servers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Git {
    clients: Arc<Clients>,
    options: GitOptions,
    ssh: ssh::Connections,
    memory: Memory,
    objects: Objects,
}

impl Git {
    /// A client. It needs rustls's default crypto provider to be installed.
    ///
    /// # Errors
    /// [`GitError::Local`] when the CA bundle cannot be read or is not PEM.
    pub fn new(options: GitOptions) -> Result<Self, GitError> {
        let extra = match &options.ca_bundle {
            Some(path) => read_bundle(path)?,
            None => Vec::new(),
        };
        let clients = Arc::new(Clients::new(options.clone(), extra));
        let (ssh, memory, objects) = Default::default();
        Ok(Self { clients, options, ssh, memory, objects })
    }

    /// The same for `tenant`, such as a namespace, where the process works for several: none takes more than half of the memory for
    /// objects that arrive.
    #[must_use]
    pub fn of(&self, tenant: Option<&str>) -> Self {
        Self { memory: self.memory.of(tenant), objects: self.objects.of(tenant), ..self.clone() }
    }

    /// The memory that is shared.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Proves, with the caller's own login against the server, that they may read `revision`, and pins it.
    ///
    /// `revision` is a branch, a tag, a full ref, `HEAD`, or all digits of a SHA. Annotated tags are peeled; of a branch
    /// and a tag with one name the branch is meant, as in `git clone --branch`. A SHA counts as proven only when this
    /// server serves that commit to this caller now.
    ///
    /// # Errors
    /// See [`GitError::fault`]; transient ones were already retried.
    pub async fn resolve(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        revision: &str,
    ) -> Result<Resolved, GitError> {
        let Proven { commit, reference } = Box::pin(self.prove(repo, credentials, revision)).await?;
        Ok(Resolved { sha: commit.sha, reference })
    }

    /// As [`resolve`](Self::resolve), with a view of the files of the commit.
    pub(crate) async fn open(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        revision: &str,
    ) -> Result<Snapshot, GitError> {
        let proven = Box::pin(self.prove(repo, credentials, revision)).await?;
        Ok(Snapshot::new(self, repo, credentials, proven))
    }

    async fn prove(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        revision: &str,
    ) -> Result<Proven, GitError> {
        let once = || async {
            match self.resolve_by(Part::RootTree, repo, credentials, revision).await {
                Err(error) if error.is_filter() => {
                    self.resolve_by(Part::Trees, repo, credentials, revision).await
                }
                ended => ended,
            }
        };
        let limit = self.options.resolve_timeout;
        within(limit, "its server", retried(once)).await.unwrap_or_else(|late| {
            let what = format!("`{}` was not resolved: {late}", text::tidy(revision.as_bytes()));
            Err(GitError::Unavailable { repo: repo.to_string(), action: "read", what, cause: None })
        })
    }

    async fn resolve_by(
        &self,
        part: Part,
        repo: &RepoUrl,
        credentials: &Credentials,
        revision: &str,
    ) -> Result<Proven, GitError> {
        if let Some(mut session) = Session::begin_at_once(self, repo, credentials)? {
            match resolve::resolve(&mut session, revision, part).await {
                // A refused login is not tried twice: servers count.
                ended @ (Ok(_) | Err(GitError::Login { .. } | GitError::Flood { .. })) => return ended,
                Err(error) if error.is_filter() => return Err(error),
                // Whatever else went wrong, the long way knows why.
                Err(error) => tracing::debug!(%error, "asking {repo} for its capabilities first"),
            }
        }
        let names = resolve::candidates(revision);
        let wanted: Vec<_> = names.iter().map(String::as_str).collect();
        let mut session = Session::open(self, repo, credentials, Service::UploadPack, &wanted).await?;
        resolve::resolve(&mut session, revision, part).await
    }

    /// What it was made with.
    pub(crate) fn options(&self) -> &GitOptions {
        &self.options
    }

    /// Removes the temporary directories that killed processes left, and none that a living one holds. Ask once, at the start.
    pub async fn remove_left_overs(&self) {
        let count = store::Store::sweep(self.options.temp_dir.clone()).await;
        if count > 0 {
            tracing::info!(count, "removed temporary Git directories that killed processes left");
        }
    }
}

/// Tries a read up to four times while its errors are transient.
pub(crate) async fn retried<T, F: Future<Output = Result<T, GitError>>>(
    read: impl FnMut() -> F,
) -> Result<T, GitError> {
    read.retry(pauses::few())
        .when(GitError::is_transient)
        .notify(|error, pause| tracing::warn!(%error, pause_ms = pause.as_millis(), "git read failed, trying again"))
        .await
}

fn read_bundle(path: &std::path::Path) -> Result<Vec<reqwest::Certificate>, GitError> {
    let doing = || format!("read the CA bundle `{}`", path.display());
    crate::http::certificates(path).map_err(|e| GitError::local(doing(), e))
}

#[cfg(test)]
pub(crate) mod tests;
