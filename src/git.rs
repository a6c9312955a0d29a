//! A client for Git servers: proves the right to read a commit, reads branches, files and packs, makes commits and
//! pushes them.
//!
//! The wire protocols are implemented here (smart HTTP over reqwest, SSH over russh); libgit2 is used for objects and
//! packs only. [`Git::resolve`] proves with the caller's own login that the server serves a commit.

pub(crate) mod advert;
mod ask;
mod bounds;
pub(crate) mod branch;
mod branch_files;
mod clients;
mod credentials;
mod error;
pub(crate) mod fetch;
pub(crate) mod file_spec;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod heads;
mod http;
mod identity;
mod kept_ref;
mod memory;
pub(crate) mod names;
mod pack;
pub(crate) mod path;
mod pkt;
mod probe;
mod proof;
pub(crate) mod push;
pub(crate) mod push_reader;
pub(crate) mod read;
mod ref_names;
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
pub(crate) use kept_ref::KeptRef;
pub use probe::Writable;
use proof::ProofTrees;
pub use push_reader::{AskedBefore, AskedPush, LocalClone, server_push};
pub(crate) use ref_names::RefNames;
use resolve::Proven;
pub use resolve::Resolved;
pub(crate) use resolve::check_name;
pub use signing::{BadSigningKey, SigningKey};
pub use url::{BadRepoUrl, RepoUrl};

use crate::time_limits::{calls, pauses, within};
use clients::Clients;
pub(crate) use memory::GitMemory;
use snapshot::ObjectCache;
pub(crate) use snapshot::{EntryType, Pointers, Snapshot};

/// The settings of a [`Git`] client.
#[derive(Debug, Clone)]
pub struct GitOptions {
    /// PEM certificates that are trusted in addition to the system's.
    pub ca_bundle: Option<PathBuf>,
    /// The limit for connecting: TCP, TLS and the SSH handshake.
    pub connect_timeout: Duration,
    /// How long a server may be silent.
    pub read_timeout: Duration,
    /// The limit for one read operation, such as [`Git::resolve`], including its retries.
    pub resolve_timeout: Duration,
    /// The directory for objects while a commit is made. The default is the system's temporary directory, then
    /// `/dev/shm`.
    pub temp_dir: Option<PathBuf>,
    /// Whether an SSH server is trusted when the secret has no `known_hosts`. The default is no: without
    /// `known_hosts` an impostor cannot be detected, and it would serve the source of the build.
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
    memory: GitMemory,
    objects: ObjectCache,
}

impl Git {
    /// Makes a client. rustls's default crypto provider must be installed.
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

    /// Returns a client for `tenant`, such as a namespace, for a process that works for several. Each tenant may use
    /// at most half of the memory for incoming objects.
    #[must_use]
    pub fn of(&self, tenant: Option<&str>) -> Self {
        Self { memory: self.memory.of(tenant), objects: self.objects.of(tenant), ..self.clone() }
    }

    /// The memory budget that all clients of the process share.
    pub(crate) fn memory(&self) -> &GitMemory {
        &self.memory
    }

    /// Proves, with the caller's own login, that the server lets the caller read `revision`, and pins it to a commit.
    ///
    /// `revision` is a branch, a tag, a full ref, `HEAD`, or a full SHA. Annotated tags are peeled. If a branch and a
    /// tag have the same name, the branch is used, as in `git clone --branch`. A SHA counts as proven only when this
    /// server serves that commit to this caller now.
    ///
    /// # Errors
    /// See [`GitError::fault`]. Transient errors have already been retried.
    pub async fn resolve(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        revision: &str,
    ) -> Result<Resolved, GitError> {
        let Proven { commit, reference } = Box::pin(self.prove(repo, credentials, revision)).await?;
        Ok(Resolved { sha: commit.sha, reference })
    }

    /// Like [`resolve`](Self::resolve), but returns a view of the commit's files.
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
            match self.resolve_by(ProofTrees::RootTree, repo, credentials, revision).await {
                Err(error) if error.is_filter() => {
                    self.resolve_by(ProofTrees::AllTrees, repo, credentials, revision).await
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
        trees: ProofTrees,
        repo: &RepoUrl,
        credentials: &Credentials,
        revision: &str,
    ) -> Result<Proven, GitError> {
        let names = resolve::candidates(revision);
        let wanted: Vec<_> = names.iter().map(String::as_str).collect();
        let ask = |mut session| async move { resolve::resolve(&mut session, revision, trees).await };
        self.ask(repo, credentials, &wanted, GitError::is_filter, ask).await
    }

    /// The settings that the client was made with.
    pub(crate) fn options(&self) -> &GitOptions {
        &self.options
    }

    /// Removes the temporary directories of killed processes, but none that a running process has locked. Call it
    /// once, at startup.
    pub async fn remove_left_overs(&self) {
        let count = store::Store::sweep(self.options.temp_dir.clone()).await;
        if count > 0 {
            tracing::info!(count, "removed temporary Git directories that killed processes left");
        }
    }
}

/// Runs a read up to four times while its errors are transient.
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
