//! The Kubernetes API. Calls are made with the rights of this process (its ServiceAccount in a pod, KUBECONFIG at a
//! terminal) or, when the process serves many namespaces, with the rights of a namespace's own ServiceAccount. The
//! first request opens the connection.

mod access;
mod acting;
mod connect;
mod error;
mod follow;
mod lease;
mod namespace_watch;
mod object_watch;
mod objects;
mod origin;
mod packed;
mod report;
mod secrets;
mod submit;
mod task_set;
mod task_sets;
mod tenant_objects;
mod timed;
mod watch_backoff;
mod workflows;

use std::sync::Arc;

use kube::api::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use tokio::sync::OnceCell;

pub use access::{Account, Right};
pub use acting::{MayNotAct, Rights};
pub(crate) use error::ApiRequest;
pub use error::KubeError;
pub use follow::{Shutdown, TaskSet, WorkflowNode, WorkflowState};
pub use lease::{LeaderElection, LeaderElectionConfig, Leadership};
pub use namespace_watch::NamespaceEvent;
pub use object_watch::ObjectWatch;
pub use objects::{By, ReadError};
pub use origin::{TRACEPARENT, WorkflowOrigin};
pub(crate) use packed::nodes as packed_nodes;
#[cfg(test)]
pub(crate) use packed::packed as pack_nodes;
pub use report::{ReportBasis, ReportError, Reported, TaskResult};
pub use secrets::{Secret, SecretError, Secrets};
pub use submit::{
    FoundWorkflow, PUSHED_AT, REASON, SUPERSEDED_BY, Submission, SubmitError, Submitted, Submitter,
};
pub use task_set::TaskSetId;
pub use task_sets::{Part, Scope, TaskSetEvent, TaskSetState, TaskSetsOptions};
pub use tenant_objects::{Merged, TenantObjects};
use timed::GivenUp;
pub use timed::KubeTimeLimits;
pub(crate) use timed::reason;
pub use watch_backoff::WatchBackoff;
pub use workflows::{ShutdownStrategy, Workflow, Workflows, WorkflowsError};

/// The name of the API server in messages.
const PEER: &str = "the Kubernetes API";

/// A resource of the API group `argoproj.io`, which Argo Workflows and Argo CD share.
pub(crate) fn argo(kind: &str) -> ApiResource {
    let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", kind);
    match kind.kind.as_str() {
        // The only kind of Argo with another plural.
        "EventBus" => ApiResource::from_gvk_with_plural(&kind, "eventbus"),
        _ => ApiResource::from_gvk(&kind),
    }
}

/// A resource of another API group, which is empty for the core.
pub(crate) fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// The cluster from the environment. Clones share one connection.
#[derive(Clone, Default)]
pub struct Cluster {
    connection: Arc<OnceCell<NamedClient>>,
    clients: Arc<OnceCell<Clients>>,
    limits: KubeTimeLimits,
    given_up: Option<GivenUp>,
    /// Whether the caller supplied the client, so that we do not know what it connects to.
    given: bool,
    /// The ServiceAccount whose rights are used for work of a namespace; `None` for this process's own.
    account: Option<Arc<str>>,
}

/// A client without time limits, and the name of its server in messages.
#[derive(Clone)]
struct NamedClient(Client, Arc<str>);

/// Clients with time limits, over one connection.
#[derive(Clone)]
struct Clients {
    /// For most requests.
    usual: Client,
    /// For small requests, where a slow answer means that the server is unavailable.
    quick: Client,
}

/// The environment names no cluster.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no Kubernetes API is configured ({0})")]
pub struct NoCluster(String);

impl NoCluster {
    /// No cluster, because none is wanted.
    pub(crate) fn unwanted() -> Self {
        Self("none is wanted".to_owned())
    }
}

/// Uses a client that the caller supplies.
impl From<Client> for Cluster {
    fn from(client: Client) -> Self {
        let connection = NamedClient(client, PEER.into());
        Self { connection: Arc::new(OnceCell::from(connection)), given: true, ..Self::default() }
    }
}

impl Cluster {
    /// Uses the cluster of `config`. Does not connect yet.
    ///
    /// # Errors
    /// The certificates or credentials in `config` cannot be used.
    pub fn at(config: Config) -> Result<Self, NoCluster> {
        let connection = Arc::new(OnceCell::from(connected(config)?));
        Ok(Self { connection, given: true, ..Self::default() })
    }

    /// The same cluster over a separate connection, unless the caller supplied the client.
    fn apart(&self) -> Self {
        let connection = if self.given { self.connection.clone() } else { Arc::default() };
        Self { connection, clients: Arc::default(), ..self.clone() }
    }

    /// The same cluster with other time limits.
    #[must_use]
    pub fn with_limits(self, limits: KubeTimeLimits) -> Self {
        Self { limits, clients: Arc::default(), ..self }
    }

    /// The same cluster; after one late answer, every further request fails at once. For callers that send many
    /// requests in a row.
    #[must_use]
    pub fn given_up_once(&self) -> Self {
        Self { given_up: Some(GivenUp::default()), clients: Arc::default(), ..self.clone() }
    }

    /// The name of the server in messages.
    fn peer(&self) -> Arc<str> {
        self.connection.get().map_or_else(|| PEER.into(), |NamedClient(_, peer)| peer.clone())
    }

    /// A client for the API server, with the rights of this process.
    pub async fn client(&self) -> Result<Client, NoCluster> {
        Ok(self.clients().await?.usual.clone())
    }

    /// A client for a Secret or a report, which has a shorter time limit.
    async fn quick_client(&self) -> Result<Client, NoCluster> {
        Ok(self.clients().await?.quick.clone())
    }

    async fn clients(&self) -> Result<&Clients, NoCluster> {
        let make = || async {
            let NamedClient(client, peer) = self.connection.get_or_try_init(infer).await?;
            let timed = |answer| {
                let (client, peer, given_up) = (client.clone(), peer.clone(), self.given_up.clone());
                timed::timed(client, peer, answer, self.limits.watch_silence, given_up)
            };
            Ok(Clients { usual: timed(self.limits.answer), quick: timed(self.limits.object) })
        };
        self.clients.get_or_try_init(make).await
    }
}

async fn infer() -> Result<NamedClient, NoCluster> {
    connected(Config::infer().await.map_err(|e| NoCluster(e.to_string()))?)
}

fn connected(config: Config) -> Result<NamedClient, NoCluster> {
    let peer = format!("{PEER} at {}", config.cluster_url).trim_end_matches('/').into();
    let client = connect::connect(config).map_err(|e| NoCluster(e.to_string()))?;
    Ok(NamedClient(client, peer))
}
