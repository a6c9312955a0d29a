//! The Kubernetes API, with the rights of this process: its ServiceAccount's in a pod, KUBECONFIG's at a
//! terminal; or, for a process that serves many namespaces, with those of a namespace's own ServiceAccount. Nothing
//! is connected to before something asks.

mod access;
mod acting;
mod connect;
mod error;
mod follow;
mod lease;
mod objects;
mod packed;
mod report;
mod rounds;
mod secrets;
mod task_set;
mod task_sets;
mod timed;
mod workflows;

use std::sync::Arc;

use kube::api::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use tokio::sync::OnceCell;

pub use access::{Account, Right};
pub use acting::{MayNotAct, Rights};
pub use error::KubeError;
pub(crate) use error::Request;
pub use follow::{NodePlace, Shutdown, TaskSet, WorkflowState};
pub use lease::{Campaign, Candidate, Leadership};
pub use objects::{By, ReadError};
pub(crate) use packed::nodes as packed_nodes;
#[cfg(test)]
pub(crate) use packed::packed as pack_nodes;
pub use report::{Form, ReportError, Reported, TaskResult};
pub use rounds::Rounds;
pub use secrets::{Secret, SecretError, Secrets};
pub use task_set::TaskSetId;
pub use task_sets::{Part, Scope, TaskSetEvent, TaskSetState, TaskSetsOptions};
use timed::GivenUp;
pub use timed::Limits;
pub(crate) use timed::reason;
pub use workflows::{ShutdownStrategy, Workflow, Workflows, WorkflowsError};

/// The API server's name in messages.
const PEER: &str = "the Kubernetes API";

/// A kind of Argo's: of Workflows' and of CD's alike.
pub(crate) fn argo(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", kind))
}

/// The cluster that the environment names. Clones share one connection.
#[derive(Clone, Default)]
pub struct Cluster {
    connection: Arc<OnceCell<Connection>>,
    clients: Arc<OnceCell<Clients>>,
    limits: Limits,
    given_up: Option<GivenUp>,
    /// Whether the client was made elsewhere: what it connects to is not ours to know.
    given: bool,
    /// The ServiceAccount as which a namespace's work is done; without one, this process's own.
    account: Option<Arc<str>>,
}

/// What requests go over, without limits, and the server's name in messages.
#[derive(Clone)]
struct Connection(Client, Arc<str>);

/// Clients with limits, over one connection.
#[derive(Clone)]
struct Clients {
    /// For any request.
    usual: Client,
    /// For those of which a slow one is away.
    quick: Client,
}

/// The environment names no cluster.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no Kubernetes API is configured ({0})")]
pub struct NoCluster(String);

/// The cluster of a client that was made elsewhere.
impl From<Client> for Cluster {
    fn from(client: Client) -> Self {
        let connection = Connection(client, PEER.into());
        Self { connection: Arc::new(OnceCell::from(connection)), given: true, ..Self::default() }
    }
}

impl Cluster {
    /// The cluster that `config` names. Nothing is connected to yet.
    ///
    /// # Errors
    /// What it says of certificates or credentials cannot be used.
    pub fn at(config: Config) -> Result<Self, NoCluster> {
        let connection = Arc::new(OnceCell::from(connected(config)?));
        Ok(Self { connection, given: true, ..Self::default() })
    }

    /// The same cluster over a connection of its own, unless its client was made elsewhere.
    fn apart(&self) -> Self {
        let connection = if self.given { self.connection.clone() } else { Arc::default() };
        Self { connection, clients: Arc::default(), ..self.clone() }
    }

    /// The same cluster, with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, clients: Arc::default(), ..self }
    }

    /// The same cluster, whose server is not asked again once an answer took too long: for callers that ask much in a row.
    #[must_use]
    pub fn given_up_once(&self) -> Self {
        Self { given_up: Some(GivenUp::default()), clients: Arc::default(), ..self.clone() }
    }

    /// The server's name in messages.
    fn peer(&self) -> Arc<str> {
        self.connection.get().map_or_else(|| PEER.into(), |Connection(_, peer)| peer.clone())
    }

    /// A client of its API server, with our own rights.
    pub async fn client(&self) -> Result<Client, NoCluster> {
        Ok(self.clients().await?.usual.clone())
    }

    /// A client for a Secret or a report, with a shorter limit.
    async fn quick_client(&self) -> Result<Client, NoCluster> {
        Ok(self.clients().await?.quick.clone())
    }

    async fn clients(&self) -> Result<&Clients, NoCluster> {
        let make = || async {
            let Connection(client, peer) = self.connection.get_or_try_init(infer).await?;
            let timed = |answer| {
                let (client, peer, given_up) = (client.clone(), peer.clone(), self.given_up.clone());
                timed::timed(client, peer, answer, self.limits.watch_silence, given_up)
            };
            Ok(Clients { usual: timed(self.limits.answer), quick: timed(self.limits.object) })
        };
        self.clients.get_or_try_init(make).await
    }
}

async fn infer() -> Result<Connection, NoCluster> {
    connected(Config::infer().await.map_err(|e| NoCluster(e.to_string()))?)
}

fn connected(config: Config) -> Result<Connection, NoCluster> {
    let peer = format!("{PEER} at {}", config.cluster_url).trim_end_matches('/').into();
    let client = connect::connect(config).map_err(|e| NoCluster(e.to_string()))?;
    Ok(Connection(client, peer))
}
