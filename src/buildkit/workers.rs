//! Describes a daemon: its version, and the platforms that it can build for.

use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as control;

use super::{BuildError, Buildkit, Connection};

/// The description of a daemon that responded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// The version, such as `v0.32.2`; empty if the daemon does not report it.
    pub version: String,
    /// The id of its first worker. The daemon keeps it beside its cache, so it is the same after a restart on the same volume.
    pub id: String,
    /// The daemon's host name, which is the pod's name in a cluster.
    pub hostname: Option<String>,
    /// The platforms of each worker, such as `linux/arm64/v8`: its native ones first, then those it emulates.
    pub workers: Vec<Vec<String>>,
    /// Whether the build steps of a worker share a PID namespace with the worker.
    pub shares_processes: bool,
    /// The rules of the garbage collection of each worker, in their order. Empty if a worker collects nothing.
    pub collection: Vec<Vec<CollectionRule>>,
}

/// A rule of a worker's garbage collection (BuildKit `client/prune.go`, `[[worker.oci.gcpolicy]]`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionRule {
    /// Which records it is about; empty for all.
    pub filters: Vec<String>,
    /// What was used more recently stays.
    pub keep: Duration,
    /// The bytes that what it is about may have; `None` for no limit.
    pub max_used: Option<u64>,
    /// The bytes that must be free on the disk; `None` for any.
    pub min_free: Option<u64>,
    /// The bytes below which nothing is deleted. Alone, the rule deletes down to them (`cache/manager.go`, `calculateKeepBytes`).
    pub reserved: Option<u64>,
}

/// The first version that asks a session about each source (`SolveRequest.SourcePolicySession`).
const ASKS: (u32, u32) = (0, 26);

impl Description {
    /// Whether the daemon asks a build's session about each image that the build reads. A login then protects private images.
    /// `None` if the version is unknown.
    pub fn asks_about_images(&self) -> Option<bool> {
        numbers(&self.version).map(|version| version >= ASKS)
    }
}

/// The major and minor number of a version such as `v0.32.2`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The worker label for the PID namespace mode (BuildKit `worker/label/label.go`): `sandbox` or `no-sandbox`.
const PROCESS_MODE: &str = "org.mobyproject.buildkit.worker.oci.process-mode";
/// The worker label for the host name of the daemon.
const HOSTNAME: &str = "org.mobyproject.buildkit.worker.hostname";

impl Buildkit {
    /// Asks the daemon for its version and workers.
    pub async fn describe(&self) -> Result<Description, BuildError> {
        self.describe_over(&self.connect().await?).await
    }

    /// Does the same as [`Self::describe`] over `connection`.
    pub async fn describe_over(&self, connection: &Connection) -> Result<Description, BuildError> {
        let version = self.version_over(connection).await?;
        let mut client = connection.client();
        let reply = self.answered(client.list_workers(control::ListWorkersRequest::default())).await?;
        let records = reply.into_inner().record;
        let shares = |worker: &control::types::WorkerRecord| {
            worker.labels.get(PROCESS_MODE).is_some_and(|mode| mode == "no-sandbox")
        };
        let shares_processes = records.iter().any(shares);
        let collection = records.iter().map(|worker| worker.gc_policy.iter().map(rule).collect()).collect();
        let workers = records.iter().map(platforms).collect();
        let id = records.first().map(|worker| worker.id.clone()).unwrap_or_default();
        let hostname = records.iter().find_map(|worker| worker.labels.get(HOSTNAME).cloned());
        Ok(Description { version, id, hostname, workers, shares_processes, collection })
    }

    /// Asks the daemon for its version over `connection`.
    pub(super) async fn version_over(&self, connection: &Connection) -> Result<String, BuildError> {
        let mut client = connection.client();
        let info = self.answered(client.info(control::InfoRequest {})).await?;
        Ok(info.into_inner().buildkit_version.map(|v| v.version).unwrap_or_default())
    }

    /// The host of the daemon's address; `None` for a Unix socket.
    pub fn host(&self) -> Option<&str> {
        match &self.inner.address {
            super::Address::Tcp { host, .. } => Some(host),
            super::Address::Unix(_) => None,
        }
    }

    /// The daemon's address.
    pub fn place(&self) -> String {
        self.inner.address.to_string()
    }

    /// The daemon's address, and whether the connection is mutual TLS.
    pub fn address(&self) -> String {
        let plain = self.inner.tls.is_none() && self.host().is_some();
        format!("{}{}", self.inner.address, if plain { " (no TLS)" } else { "" })
    }
}

fn rule(policy: &control::types::GcPolicy) -> CollectionRule {
    let bytes = |bytes: i64| u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    CollectionRule {
        filters: policy.filters.clone(),
        keep: Duration::from_nanos(u64::try_from(policy.keep_duration).unwrap_or(0)),
        max_used: bytes(policy.max_used_space),
        min_free: bytes(policy.min_free_space),
        reserved: bytes(policy.reserved_space),
    }
}

fn platforms(worker: &control::types::WorkerRecord) -> Vec<String> {
    let written = worker.platforms.iter().map(|p| match p.variant.as_str() {
        "" => format!("{}/{}", p.os, p.architecture),
        variant => format!("{}/{}/{variant}", p.os, p.architecture),
    });
    written.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_asks_about_images_since_v0_26() {
        let rows = [
            ("v0.32.2", Some(true)),
            ("v0.26.0", Some(true)),
            ("v0.26.0-rc1", Some(true)),
            ("0.27.1-12-g0123456", Some(true)),
            ("v1.0.0", Some(true)),
            ("v0.25.2", Some(false)),
            ("v0.18.2", Some(false)),
            ("v0.9.0", Some(false)),
            ("", None),
            ("dev", None),
            ("9fd2ac1", None),
        ];
        for (version, asks) in rows {
            let daemon = Description { version: version.to_owned(), ..Description::default() };
            assert_eq!(daemon.asks_about_images(), asks, "{version}");
        }
    }
}
