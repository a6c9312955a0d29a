//! The Lease on the API server.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};

use super::problem::Problem;
use crate::kube::Cluster;
use crate::time_limits::{Late, within};

/// Where the Lease is.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) cluster: Cluster,
    /// None is the client's own.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl Place {
    pub(super) async fn api(&self) -> Result<Api<Lease>, Problem> {
        let client = self.cluster.client().await?;
        Ok(match &self.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::default_namespaced(client),
        })
    }

    /// The lease, if there is one.
    pub(super) async fn get(&self, limit: Duration) -> Result<Option<Lease>, Problem> {
        let get = async || self.api().await?.get_opt(&self.name).await.map_err(|e| self.problem("get", &e));
        within(limit, self.cluster.peer(), get()).await.unwrap_or_else(|late| Err(self.late("get", late)))
    }

    /// Creates the lease, or replaces it if it was read; nothing if somebody else wrote first.
    pub(super) async fn write(&self, lease: &Lease, limit: Duration) -> Result<Option<Lease>, Problem> {
        let new = lease.metadata.resource_version.is_none();
        let verb = if new { "create" } else { "update" };
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
                Err(error) => Err(self.problem(verb, &error)),
            }
        };
        within(limit, self.cluster.peer(), write()).await.unwrap_or_else(|late| Err(self.late(verb, late)))
    }

    pub(super) fn problem(&self, verb: &'static str, error: &kube::Error) -> Problem {
        Problem::of(verb, self.to_string(), error)
    }

    fn late(&self, verb: &'static str, late: Late) -> Problem {
        Problem::Late { verb, lease: self.to_string(), late }
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
