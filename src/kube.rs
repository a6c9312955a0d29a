//! The Kubernetes API, with the rights of this process: its ServiceAccount's in a pod, KUBECONFIG's at a
//! terminal. Nothing is connected to before something asks.

mod access;

mod follow;
mod objects;
mod rounds;
mod punctual;
mod report;
mod secrets;
mod task_sets;
mod workflows;

use std::sync::Arc;

use kube::api::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use tokio::sync::OnceCell;

pub use access::{Account, Right};
pub use follow::{NodePlace, Shutdown, TaskSet, WatchError, WorkflowState};
pub use objects::{By, ReadError};
pub use rounds::Rounds;
pub use report::{Form, ReportError, Reported, TaskResult};
pub use secrets::{Secret, SecretError, Secrets};
pub use task_sets::{Part, Scope, TaskSetEvent, TaskSetId, TaskSetState, TaskSetsError, TaskSetsOptions};
pub use workflows::{ShutdownStrategy, Workflow, Workflows, WorkflowsError};

/// A kind of Argo's: of Workflows' and of CD's alike.
pub(crate) fn argo(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", kind))
}

/// The cluster that the environment names. Clones share one connection.
#[derive(Clone, Default)]
pub struct Cluster(Arc<OnceCell<Client>>);

/// The environment names no cluster.
#[derive(Debug, thiserror::Error)]
#[error("no Kubernetes API is configured ({0})")]
pub struct NoCluster(String);

impl Cluster {
    /// A client of its API server.
    pub async fn client(&self) -> Result<Client, NoCluster> {
        let client = self.0.get_or_try_init(|| async {
            let config = Config::infer().await.map_err(|e| NoCluster(e.to_string()))?;
            Client::try_from(config).map_err(|e| NoCluster(e.to_string()))
        });
        client.await.cloned()
    }
}
