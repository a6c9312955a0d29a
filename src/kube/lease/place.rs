//! The Lease on the API server.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};

use super::problem::{Problem, Use};
use crate::kube::Cluster;
use crate::time_limits::{Late, within};

/// What is attempted, in messages.
const READ: &str = "reading";

/// Where the Lease is.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) cluster: Cluster,
    /// Without one, the client's own namespace.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl Place {
    pub(super) async fn api(&self) -> Result<Api<Lease>, Problem> {
        let nowhere = |reason| Use::new("asking for", self).request().no_cluster(reason);
        let client = self.cluster.client().await.map_err(nowhere)?;
        Ok(match &self.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::default_namespaced(client),
        })
    }

    /// The lease, if there is one.
    pub(super) async fn get(&self, limit: Duration) -> Result<Option<Lease>, Problem> {
        let get = async || self.api().await?.get_opt(&self.name).await.map_err(|e| self.problem(READ, &e));
        within(limit, self.cluster.peer(), get()).await.unwrap_or_else(|late| Err(self.late(READ, &late)))
    }

    /// Creates the lease, or replaces it if it was read; nothing if somebody else wrote first.
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
                // A creation's tells of the namespace.
                Err(kube::Error::Api(status)) if status.code == 404 && !new => Ok(None),
                Err(error) => Err(self.problem(doing, &error)),
            }
        };
        within(limit, self.cluster.peer(), write()).await.unwrap_or_else(|late| Err(self.late(doing, &late)))
    }

    /// The problem that `error` is for one who was `doing` something.
    pub(super) fn problem(&self, doing: &str, error: &kube::Error) -> Problem {
        Use::new(doing, self).problem(error)
    }

    fn late(&self, doing: &str, late: &Late) -> Problem {
        Use::new(doing, self).request().unavailable(late.to_string()).into()
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease `{}` in ", self.name)?;
        match &self.namespace {
            Some(namespace) => write!(f, "namespace `{namespace}`"),
            None => f.write_str("this process's namespace"),
        }
    }
}
