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
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod history;
mod llb;
mod policy;
mod progress;
mod request;
mod session;
mod solve;
mod tls;
mod transcript;
mod vertices;
mod workers;

pub use address::{Address, BadAddress};
pub use error::{BuildError, Kind};
pub use history::Recalled;
pub use policy::GitSource;
pub use progress::Progress;
pub use request::{CacheRef, Exporter, GitLogin, GitTree, Solve};
pub use session::Session;
pub use solve::Solved;
pub use tls::{Certificates, Material, Pem, Reader, Tls};
pub use transcript::{BuildLog, Caption, Transcript};
pub use vertices::VertexSummary;
pub use workers::Description;

use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use connection::Connection;

/// How long a daemon may take to shake hands or to tell its version: one that needs longer is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// A buildkitd, named by address; cheap to clone. Every call connects anew, so that a build's session
/// and its solve reach the same daemon behind a load balancer, and renewed certificates are picked up.
#[derive(Debug, Clone)]
pub struct Buildkit {
    inner: Arc<Daemon>,
}

#[derive(Debug)]
struct Daemon {
    address: Address,
    tls: Option<Tls>,
}

impl Buildkit {
    /// A daemon at `address`; `tls` is for `tcp://` alone. Nothing is opened yet.
    pub fn new(address: Address, tls: Option<Tls>) -> Self {
        Self { inner: Arc::new(Daemon { address, tls }) }
    }

    /// The daemon's version; an answer means that it serves builds.
    pub async fn info(&self) -> Result<String, BuildError> {
        let connection = self.connect().await?;
        let mut client = connection.client();
        let reply = tokio::time::timeout(PATIENCE, client.info(control::InfoRequest {})).await;
        let reply = reply.map_err(|_| self.silent())?.map_err(|s| self.unreachable_or(&s))?;
        Ok(reply.into_inner().buildkit_version.map(|v| v.version).unwrap_or_default())
    }

    async fn connect(&self) -> Result<Connection, BuildError> {
        let connect = address::connect(&self.inner.address, self.inner.tls.as_ref());
        tokio::time::timeout(PATIENCE, connect).await.map_err(|_| self.silent())?
    }

    fn silent(&self) -> BuildError {
        let why = format!("no answer within {} s", PATIENCE.as_secs());
        BuildError::unreachable(&self.inner.address, self.inner.tls.is_some(), &why)
    }

    /// A status before any build began: a broken transport then means that the daemon is not there.
    fn unreachable_or(&self, status: &tonic::Status) -> BuildError {
        let error = BuildError::from_status(status);
        match error.kind {
            Kind::Lost => {
                let tls = self.inner.tls.is_some();
                BuildError::unreachable(&self.inner.address, tls, &address::innermost(status))
            }
            _ => error,
        }
    }
}
