//! BuildKit control API client: solve, session tunnel, progress, errors, history.
//!
//! A [`Buildkit`] addresses one daemon. [`Buildkit::solve`] runs one build on one connection. The same connection
//! carries the session, through which the daemon asks for secrets and logins. [`Buildkit::attach`] and
//! [`Buildkit::recall`] find a build by its reference after its reply was lost.

mod address;
mod cache;
mod classify;
mod connection;
mod content;
mod details;
mod dial;
mod earlier_builds;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod git_tree;
mod history;
mod ignore;
mod image_pull;
mod kind;
mod last_heard;
mod llb;
mod metadata;
mod peer;
mod policy;
mod progress;
mod quiet;
mod request;
mod session;
mod solve;
mod tls;
mod transcript;
mod vertices;
mod workers;

pub use address::{Address, BadAddress};
pub use cache::{CachePrune, CacheRecord, own_mounts};
pub use connection::{Connection, EarlyConnection};
pub use earlier_builds::EarlierBuild;
pub use error::BuildError;
pub use git_tree::{GitLogin, GitTree, Module};
pub use history::Recalled;
pub use ignore::{BadIgnore, Ignore};
pub use image_pull::ImagePull;
pub use kind::BuildErrorKind;
pub use policy::GitSource;
pub use progress::{Peer, Progress};
pub use request::{CacheRef, Exporter, Solve};
pub use session::{READ_IMAGES, ReadImage, ReadImages, Session};
pub use solve::Solved;
pub use tls::{CertificateReader, Certificates, Material, Pem, Tls};
pub use transcript::{BuildLog, Caption, Transcript};
pub use vertices::VertexSummary;
pub use workers::{CollectionRule, Description};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::limits::Budget;
use crate::time_limits::{Late, calls, within};

/// BuildKit's API that we speak: its package, and the release whose definitions `bollard-buildkit-proto` 0.9.2 was generated from
/// (its provenance.lock.toml). Older and newer daemons speak it too.
pub const API: &str = "moby.buildkit.v1 (v0.29.0)";

/// The daemon's name in messages that already contain its address.
const PEER: &str = "buildkitd";

/// The number of connections that are open before their builds need them. Such a build waits for another server, and a
/// connection takes 30 KB here and as much at the daemon.
const EARLY: usize = 16;

/// The time limits for calls to a daemon.
#[derive(Debug, Clone, Copy)]
pub struct BuildkitTimeLimits {
    /// The limit for the connection handshake.
    pub connect: Duration,
    /// The limit for reporting its version, for opening a session, and for finding a build in its history. A daemon that
    /// needs longer is stuck.
    pub answer: Duration,
    /// The limit for writing the history record of a finished build.
    pub record: Duration,
    /// The limit for silence while a build runs. A step may print nothing for hours, but the daemon checks the health of
    /// each session every five seconds (BuildKit `session/grpc.go`).
    pub silence: Duration,
    /// The limit for a list of what is in the cache. The daemon measures directories that it has not measured yet.
    pub usage: Duration,
    /// The limit for a prune. The daemon deletes directories, and one prune waits for the other.
    pub prune: Duration,
}

impl Default for BuildkitTimeLimits {
    fn default() -> Self {
        Self {
            connect: calls::BUILDKIT_CONNECT.whole(),
            answer: calls::BUILDKIT_ANSWER.whole(),
            record: calls::BUILDKIT_RECORD.whole(),
            silence: calls::BUILDKIT_BUILD.silence(),
            usage: calls::BUILDKIT_USAGE.whole(),
            prune: calls::BUILDKIT_PRUNE.whole(),
        }
    }
}

/// A client for one buildkitd address; cheap to clone. Every call opens a new connection, which picks up renewed
/// certificates, or uses a [`Connection`] of its caller. With the caller's connection, a build's session and its solve
/// reach the same daemon behind a load balancer.
#[derive(Debug, Clone)]
pub struct Buildkit {
    inner: Arc<Daemon>,
}

#[derive(Debug)]
struct Daemon {
    address: Address,
    tls: Option<Tls>,
    limits: BuildkitTimeLimits,
    /// A permit for each connection that is open before its build needs it.
    early: Arc<Semaphore>,
    /// The memory for lists of what is in the cache.
    readings: Budget,
}

impl Buildkit {
    /// Creates a client for the daemon at `address`. `tls` applies to `tcp://` only. This does not connect yet.
    pub fn new(address: Address, tls: Option<Tls>) -> Self {
        Self::of(address, tls, BuildkitTimeLimits::default())
    }

    /// Returns a client for the same daemon with other limits.
    #[must_use]
    pub fn with_limits(self, limits: BuildkitTimeLimits) -> Self {
        let (address, tls) = (self.inner.address.clone(), self.inner.tls.clone());
        Self::of(address, tls, limits)
    }

    /// The memory for lists of what is in the cache: for one client, unless it is given to several.
    pub fn list_memory() -> Budget {
        Budget::new(cache::READINGS)
    }

    /// Returns a client for the same daemon that takes the memory for such lists from `readings`.
    #[must_use]
    pub fn with_list_memory(self, readings: Budget) -> Self {
        let Daemon { address, tls, limits, early, .. } = &*self.inner;
        let (address, tls, limits, early) = (address.clone(), tls.clone(), *limits, early.clone());
        Self { inner: Arc::new(Daemon { address, tls, limits, early, readings }) }
    }

    fn of(address: Address, tls: Option<Tls>, limits: BuildkitTimeLimits) -> Self {
        let early = Arc::new(Semaphore::new(EARLY));
        let readings = Self::list_memory();
        Self { inner: Arc::new(Daemon { address, tls, limits, early, readings }) }
    }

    /// Asks for the daemon's version. A successful response means that the daemon serves builds.
    pub async fn info(&self) -> Result<String, BuildError> {
        self.version_over(&self.connect().await?).await
    }

    /// Opens a connection for [`Self::recall_over`] and [`Self::solve_over`]. The error is [`BuildErrorKind::Unreachable`] if the
    /// daemon is not there.
    pub async fn connect(&self) -> Result<Connection, BuildError> {
        let Daemon { address, tls, limits, .. } = &*self.inner;
        let connect = dial::connect(address, tls.as_ref(), limits.connect);
        within(limits.connect, PEER, connect).await.map_err(|late| self.late(&late))?
    }

    /// Opens a connection for a build that does not need it yet. `None` if 16 such connections are open, or if the daemon
    /// is not there: then the build connects when it begins.
    pub async fn connect_early(&self) -> Option<EarlyConnection> {
        let permit = self.inner.early.clone().try_acquire_owned().ok()?;
        let connection = self.connect().await.ok()?;
        Some(EarlyConnection { connection, _permit: permit })
    }

    /// Waits for the response to a `call` that is not a build.
    async fn answered<T>(
        &self,
        call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<tonic::Response<T>, BuildError> {
        let answer = within(self.inner.limits.answer, PEER, call).await.map_err(|late| self.late(&late))?;
        answer.map_err(|status| self.unreachable_or(&status))
    }

    /// The error for a daemon that did not respond in time, before any build began.
    fn late(&self, late: &Late) -> BuildError {
        BuildError::unreachable(&self.inner.address, self.inner.tls.is_some(), &late.to_string())
    }

    /// The daemon's name in messages, with its address.
    fn peer(&self) -> String {
        format!("{PEER} at {}", self.inner.address)
    }

    /// Converts a status that arrived before any build began. A broken transport then means that the daemon is not there.
    fn unreachable_or(&self, status: &tonic::Status) -> BuildError {
        let error = BuildError::from_status(status);
        match error.kind {
            BuildErrorKind::Lost => {
                let tls = self.inner.tls.is_some();
                BuildError::unreachable(&self.inner.address, tls, &error::innermost(status))
            }
            _ => error,
        }
    }
}
