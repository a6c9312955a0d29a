//! The right to read a commit, and commits without a clone.
//!
//! The wire is ours (smart HTTP over reqwest, SSH over russh); libgit2 is used for objects and packs only.
//! [`Git::resolve`] proves with the caller's own login that the server shows a commit; [`Git::write_back`] puts one
//! commit on top of a branch and lets the server's ref say that it landed.

mod advert;
mod ancestry;
mod bounds;
mod clients;
mod credentials;
mod draft;
mod error;
mod fetch;
mod file_spec;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod gate;
mod http;
mod lanes;
mod message;
mod names;
mod pack;
mod pkt;
mod places;
mod probe;
mod proof;
mod publish;
mod push;
mod read;
mod report;
mod request;
mod resolve;
mod signing;
mod ssh;
mod store;
mod supersede;
mod text;
pub mod trailer;
mod transport;
mod tree;
mod turns;
mod url;
mod worker;
mod writer;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

pub use credentials::{Credentials, SshKey};
pub use error::GitError;
pub use file_spec::{BadFileSpec, FileSpec};
pub use gate::PushGate;
pub use message::Message;
pub use places::Places;
pub use probe::Writable;
use proof::Part;
pub use publish::{Proposal, ProposedFile, Publish, Published};
pub use request::{EditFn, Edited, FileChange, Files, Identity, Landed, Source, WriteBack, WriteError};
pub use resolve::Resolved;
pub use signing::{BadSigningKey, SigningKey};
pub use url::{BadRepoUrl, RepoUrl};

use crate::limits::Budget;
use clients::Clients;
use transport::{Service, Session};

/// How to talk to Git servers.
#[derive(Debug, Clone)]
pub struct GitOptions {
    /// PEM certificates trusted besides the system's.
    pub ca_bundle: Option<PathBuf>,
    /// The limit for TCP, TLS and SSH greetings.
    pub connect_timeout: Duration,
    /// The longest silence of a server.
    pub read_timeout: Duration,
    /// The limit for one [`Git::resolve`], its retries included.
    pub resolve_timeout: Duration,
    /// Where objects are kept while a commit is made; without it the system's, then `/dev/shm`.
    pub temp_dir: Option<PathBuf>,
    /// Bytes of memory for the files that all requests edit at a time. Who finds none free waits, until the request's deadline.
    pub edit_memory: usize,
    /// Whether an SSH server is trusted when the secret has no `known_hosts`. Off: without it a server cannot be told
    /// from an impostor that would then serve the source of the build.
    pub accept_unknown_ssh_hosts: bool,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self {
            ca_bundle: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            resolve_timeout: Duration::from_secs(120),
            temp_dir: None,
            edit_memory: 128 << 20,
            accept_unknown_ssh_hosts: false,
        }
    }
}

/// A client for any number of Git servers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Git {
    clients: Arc<Clients>,
    options: GitOptions,
    lanes: lanes::Lanes,
    turns: turns::Turns,
    /// Memory for the files that are edited at a time, whoever's they are.
    budget: Budget,
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
        let budget = Budget::new(options.edit_memory);
        let (lanes, turns) = (lanes::Lanes::default(), turns::Turns::default());
        Ok(Self { clients, options, lanes, turns, budget })
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
        let once = || async {
            match self.resolve_by(Part::RootTree, repo, credentials, revision).await {
                Err(error) if error.is_filter() => {
                    self.resolve_by(Part::Trees, repo, credentials, revision).await
                }
                ended => ended,
            }
        };
        let limit = self.options.resolve_timeout;
        tokio::time::timeout(limit, retried(once)).await.unwrap_or_else(|_| {
            let what = format!("`{}` was not resolved within {limit:?}", text::tidy(revision.as_bytes()));
            Err(GitError::Unavailable { repo: repo.to_string(), action: "read", what, source: None })
        })
    }

    async fn resolve_by(
        &self,
        part: Part,
        repo: &RepoUrl,
        credentials: &Credentials,
        revision: &str,
    ) -> Result<Resolved, GitError> {
        if let Some(mut session) = Session::begin_at_once(self, repo, credentials)? {
            match resolve::resolve(&mut session, revision, part).await {
                // A refused login is not tried twice: servers count.
                ended @ (Ok(_) | Err(GitError::Login { .. } | GitError::Flood { .. })) => return ended,
                Err(error) if error.is_filter() => return Err(error),
                // Whatever else went wrong, the long way knows why.
                Err(error) => tracing::debug!(%error, "asking {repo} for its capabilities first"),
            }
        }
        let mut session = Session::open(self, repo, credentials, Service::UploadPack).await?;
        resolve::resolve(&mut session, revision, part).await
    }

    /// Removes the temporary directories that killed processes left, and none that a living one holds. Ask once, at the start.
    pub async fn remove_left_overs(&self) {
        let count = store::Store::sweep(self.options.temp_dir.clone()).await;
        if count > 0 {
            tracing::info!(count, "removed temporary Git directories that killed processes left");
        }
    }

    /// Puts a commit on top of the request's branch, or finds that none is needed.
    ///
    /// `edit` gets the bytes of the request's files and returns those that it changes; it runs again on fresh bytes
    /// whenever somebody else pushed first. Requests of this client that wait for one branch share a commit, if their
    /// logins, authors and signing keys are the same; each edit then works on the result of those before it, and
    /// fails alone. Nothing changed is success without a commit. Dropping the future withdraws the change, except
    /// from a push that has begun, which runs to its end behind [`WriteBack::push_gate`].
    ///
    /// # Errors
    /// [`WriteError::Edit`] is the edit's own; for the rest see [`GitError::fault`].
    pub async fn write_back(&self, request: WriteBack, edit: EditFn) -> Result<Landed, WriteError> {
        request.check()?;
        self.lanes.join(self, request, edit).outcome().await
    }
}

/// Tries a read up to four times while its errors are transient.
async fn retried<T, F: Future<Output = Result<T, GitError>>>(read: impl FnMut() -> F) -> Result<T, GitError> {
    let pauses = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(3))
        .with_max_times(3);
    read.retry(pauses)
        .when(GitError::is_transient)
        .notify(|error, pause| tracing::warn!(%error, pause_ms = pause.as_millis(), "git read failed, trying again"))
        .await
}

fn read_bundle(path: &std::path::Path) -> Result<Vec<reqwest::Certificate>, GitError> {
    let doing = || format!("read the CA bundle `{}`", path.display());
    crate::http::certificates(path).map_err(|e| GitError::local(doing(), e))
}

#[cfg(test)]
mod tests;
