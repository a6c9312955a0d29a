//! The Kubernetes API, with the rights of this process: its ServiceAccount's in a pod, KUBECONFIG's at a
//! terminal; or, for a process that serves many namespaces, with those of a namespace's own ServiceAccount. Nothing
//! is connected to before something asks.

mod access;
mod acting;
mod follow;
mod lease;
mod objects;
mod punctual;
mod report;
mod rounds;
mod secrets;
mod task_sets;
mod workflows;

use std::sync::Arc;

use kube::api::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use tokio::sync::OnceCell;

pub use access::{Account, Right};
pub use acting::{MayNotAct, Rights};
pub use follow::{NodePlace, Shutdown, TaskSet, WatchError, WorkflowState};
pub use lease::{Campaign, Candidate, Leadership};
pub use objects::{By, ReadError};
pub use report::{Form, ReportError, Reported, TaskResult};
pub use rounds::{Rounds, pauses};
pub use secrets::{Secret, SecretError, Secrets};
pub use task_sets::{Part, Scope, TaskSetEvent, TaskSetId, TaskSetState, TaskSetsError, TaskSetsOptions};
pub use workflows::{ShutdownStrategy, Workflow, Workflows, WorkflowsError};

/// A kind of Argo's: of Workflows' and of CD's alike.
pub(crate) fn argo(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", kind))
}

/// The cluster that the environment names. Clones share one connection.
#[derive(Clone, Default)]
pub struct Cluster {
    connection: Arc<OnceCell<Client>>,
    /// Whether the client was made elsewhere: what it connects to is not ours to know.
    given: bool,
    /// As whom a namespace's work is done, by name; as ourselves without.
    account: Option<Arc<str>>,
}

/// The environment names no cluster.
#[derive(Debug, thiserror::Error)]
#[error("no Kubernetes API is configured ({0})")]
pub struct NoCluster(String);

/// The cluster of a client that was made elsewhere.
impl From<Client> for Cluster {
    fn from(client: Client) -> Self {
        Self { connection: Arc::new(OnceCell::from(client)), given: true, account: None }
    }
}

impl Cluster {
    /// The same cluster over a connection of its own, unless its client was made elsewhere.
    fn apart(&self) -> Self {
        if self.given { self.clone() } else { Self { connection: Arc::default(), ..self.clone() } }
    }

    /// A client of its API server, with our own rights.
    pub async fn client(&self) -> Result<Client, NoCluster> {
        let client = self.connection.get_or_try_init(|| async {
            let config = Config::infer().await.map_err(|e| NoCluster(e.to_string()))?;
            Client::try_from(config).map_err(|e| NoCluster(e.to_string()))
        });
        client.await.cloned()
    }
}
