//! BuildKit control API client: solve, session tunnel, progress, errors, history.
//!
//! One [`Buildkit`] names one daemon; [`Buildkit::solve`] runs one build on one connection, which also
//! carries the session through which the daemon asks for secrets and logins. A build whose reply was
//! lost is found again by its reference: [`Buildkit::attach`] and [`Buildkit::recall`].

mod address;
mod classify;
mod connection;
mod content;
mod details;
mod dial;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod git_tree;
mod history;
mod ignore;
mod kind;
mod llb;
mod metadata;
mod news;
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
pub use connection::Connection;
pub use error::BuildError;
pub use git_tree::{GitLogin, GitTree, Module};
pub use history::Recalled;
pub use ignore::{BadIgnore, Ignore};
pub use kind::Kind;
pub use policy::GitSource;
pub use progress::{Peer, Progress};
pub use request::{CacheRef, Exporter, Solve};
pub use session::Session;
pub use solve::Solved;
pub use tls::{Certificates, Material, Pem, Reader, Tls};
pub use transcript::{BuildLog, Caption, Transcript};
pub use vertices::VertexSummary;
pub use workers::Description;

use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as control;

use crate::time_limits::{Late, calls, within};

/// What is said of the daemon where its address stands already.
const PEER: &str = "buildkitd";

/// How long a daemon may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To shake hands.
    pub connect: Duration,
    /// To tell what it is, to open a session, or to find a build in its history: one that needs longer is stuck.
    pub answer: Duration,
    /// To write the record of a build that has ended.
    pub record: Duration,
    /// Between two signs of life while a build runs. A step may say nothing for hours, but the daemon asks each session
    /// every five seconds whether it lives (BuildKit `session/grpc.go`).
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: calls::BUILDKIT_CONNECT.whole(),
            answer: calls::BUILDKIT_ANSWER.whole(),
            record: calls::BUILDKIT_RECORD.whole(),
            silence: calls::BUILDKIT_BUILD.silence(),
        }
    }
}

/// A buildkitd, named by address; cheap to clone. Every call connects anew, or goes over a [`Connection`] of its caller, so
/// that a build's session and its solve reach the same daemon behind a load balancer, and renewed certificates are picked up.
#[derive(Debug, Clone)]
pub struct Buildkit {
    inner: Arc<Daemon>,
}

#[derive(Debug)]
struct Daemon {
    address: Address,
    tls: Option<Tls>,
    limits: Limits,
}

impl Buildkit {
    /// A daemon at `address`; `tls` is for `tcp://` alone. Nothing is opened yet.
    pub fn new(address: Address, tls: Option<Tls>) -> Self {
        Self { inner: Arc::new(Daemon { address, tls, limits: Limits::default() }) }
    }

    /// The same daemon, with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let (address, tls) = (self.inner.address.clone(), self.inner.tls.clone());
        Self { inner: Arc::new(Daemon { address, tls, limits }) }
    }

    /// The daemon's version; an answer means that it serves builds.
    pub async fn info(&self) -> Result<String, BuildError> {
        let connection = self.connect().await?;
        let mut client = connection.client();
        let reply = self.answered(client.info(control::InfoRequest {})).await?;
        Ok(reply.into_inner().buildkit_version.map(|v| v.version).unwrap_or_default())
    }

    /// A connection for [`Self::recall_over`] and [`Self::solve_over`]. A daemon that is not there is
    /// [`Kind::Unreachable`].
    pub async fn connect(&self) -> Result<Connection, BuildError> {
        let Daemon { address, tls, limits } = &*self.inner;
        let connect = dial::connect(address, tls.as_ref(), limits.connect);
        within(limits.connect, PEER, connect).await.map_err(|late| self.late(&late))?
    }

    /// What the daemon answers to a `call` that is no build.
    async fn answered<T>(
        &self,
        call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<tonic::Response<T>, BuildError> {
        let answer = within(self.inner.limits.answer, PEER, call).await.map_err(|late| self.late(&late))?;
        answer.map_err(|status| self.unreachable_or(&status))
    }

    /// A daemon that was given up before any build began.
    fn late(&self, late: &Late) -> BuildError {
        BuildError::unreachable(&self.inner.address, self.inner.tls.is_some(), &late.to_string())
    }

    /// Its name in messages.
    fn peer(&self) -> String {
        format!("{PEER} at {}", self.inner.address)
    }

    /// A status before any build began: a broken transport then means that the daemon is not there.
    fn unreachable_or(&self, status: &tonic::Status) -> BuildError {
        let error = BuildError::from_status(status);
        match error.kind {
            Kind::Lost => {
                let tls = self.inner.tls.is_some();
                BuildError::unreachable(&self.inner.address, tls, &error::innermost(status))
            }
            _ => error,
        }
    }
}
