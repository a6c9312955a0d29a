//! What a daemon is and can build for, for those who only look.

use bollard_buildkit_proto::moby::buildkit::v1 as control;

use super::{BuildError, Buildkit};

/// A daemon that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `v0.32.2`; empty for a daemon that does not tell.
    pub version: String,
    /// The platforms of each worker, as `linux/arm64/v8`: its own first, then those it emulates.
    pub workers: Vec<Vec<String>>,
    /// Whether build steps of a worker have no PID namespace of their own.
    pub shares_processes: bool,
}

/// A worker's label that says so (BuildKit `worker/label/label.go`), with `sandbox` or `no-sandbox`.
const PROCESS_MODE: &str = "org.mobyproject.buildkit.worker.oci.process-mode";

impl Buildkit {
    /// The daemon's version and workers.
    pub async fn describe(&self) -> Result<Description, BuildError> {
        let version = self.info().await?;
        let connection = self.connect().await?;
        let mut client = connection.client();
        let reply = self.answered(client.list_workers(control::ListWorkersRequest::default())).await?;
        let records = reply.into_inner().record;
        let shares = |worker: &control::types::WorkerRecord| {
            worker.labels.get(PROCESS_MODE).is_some_and(|mode| mode == "no-sandbox")
        };
        let shares_processes = records.iter().any(shares);
        Ok(Description { version, workers: records.iter().map(platforms).collect(), shares_processes })
    }

    /// The host of its address; none for a socket on this machine.
    pub fn host(&self) -> Option<&str> {
        match &self.inner.address {
            super::Address::Tcp { host, .. } => Some(host),
            super::Address::Unix(_) => None,
        }
    }

    /// Its address alone.
    pub fn place(&self) -> String {
        self.inner.address.to_string()
    }

    /// Its address, and whether the connection is mutual TLS.
    pub fn address(&self) -> String {
        let plain = self.inner.tls.is_none() && self.host().is_some();
        format!("{}{}", self.inner.address, if plain { " (no TLS)" } else { "" })
    }
}

fn platforms(worker: &control::types::WorkerRecord) -> Vec<String> {
    let written = worker.platforms.iter().map(|p| match p.variant.as_str() {
        "" => format!("{}/{}", p.os, p.architecture),
        variant => format!("{}/{}/{variant}", p.os, p.architecture),
    });
    written.collect()
}
