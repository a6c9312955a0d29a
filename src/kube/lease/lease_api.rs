//! Reads and writes the Lease on the API server.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};

use super::problem::{LeaseOperation, Problem};
use crate::kube::Cluster;
use crate::time_limits::{Late, within};

/// The name of the operation in messages.
const READ: &str = "reading";

/// The Lease's name and namespace, and its cluster.
#[derive(Clone)]
pub(super) struct LeaseApi {
    pub(super) cluster: Cluster,
    /// `None` for the client's own namespace.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl LeaseApi {
    pub(super) async fn api(&self) -> Result<Api<Lease>, Problem> {
        let nowhere = |reason| LeaseOperation::new("asking for", self).request().no_cluster(reason);
        let client = self.cluster.client().await.map_err(nowhere)?;
        Ok(match &self.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::default_namespaced(client),
        })
    }

    /// Reads the lease; `None` if it does not exist.
    pub(super) async fn get(&self, limit: Duration) -> Result<Option<Lease>, Problem> {
        let get = async || self.api().await?.get_opt(&self.name).await.map_err(|e| self.problem(READ, &e));
        within(limit, self.cluster.peer(), get()).await.unwrap_or_else(|late| Err(self.late(READ, &late)))
    }

    /// Creates the lease, or replaces it if it was read before. Returns `None` if another process wrote first.
    pub(super) async fn write(&self, lease: &Lease, limit: Duration) -> Result<Option<Lease>, Problem> {
        let new = lease.metadata.resource_version.is_none();
        let doing = if new { "creating" } else { "updating" };
        let write = async || {
            let (api, parameters) = (self.api().await?, PostParams::default());
            let written = match new {
                true => api.create(&parameters, lease).await,
                false => api.replace(&self.name, &parameters, lease).await,
            };
            match written {
                Ok(lease) => Ok(Some(lease)),
                Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
                // For a creation, 404 means that the namespace does not exist.
                Err(kube::Error::Api(status)) if status.code == 404 && !new => Ok(None),
                Err(error) => Err(self.problem(doing, &error)),
            }
        };
        within(limit, self.cluster.peer(), write()).await.unwrap_or_else(|late| Err(self.late(doing, &late)))
    }

    /// Converts the `error` of the operation `doing`.
    pub(super) fn problem(&self, doing: &str, error: &kube::Error) -> Problem {
        LeaseOperation::new(doing, self).problem(error)
    }

    fn late(&self, doing: &str, late: &Late) -> Problem {
        LeaseOperation::new(doing, self).request().unavailable(late.to_string()).into()
    }
}

impl std::fmt::Display for LeaseApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease `{}` in ", self.name)?;
        match &self.namespace {
            Some(namespace) => write!(f, "namespace `{namespace}`"),
            None => f.write_str("this process's namespace"),
        }
    }
}
