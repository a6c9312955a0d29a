//! What Argo says about one workflow as it runs: the Workflow itself, and the WorkflowTaskSet, in which it hands
//! templates to its agent.

mod state;

use futures_util::TryStreamExt;
use kube::Api;
use kube::api::{ListParams, WatchEvent, WatchParams};
use serde::de::DeserializeOwned;

use super::{Cluster, NoCluster};
use state::{Kept, Read, WorkflowSpec};

pub use state::{NodePlace, Shutdown, TaskSet, WorkflowState};

/// Why a workflow cannot be watched, now.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// RBAC refuses this process's ServiceAccount: the plugin's, or the shared agent's.
    #[error(
        "watching `{resource}` in namespace `{namespace}` is forbidden to this process's ServiceAccount; grant \
         it get, list and watch on `workflowtasksets` and `workflows` of API group argoproj.io (a Role in that namespace)"
    )]
    Forbidden {
        /// What is to be watched.
        resource: String,
        /// The workflow's namespace.
        namespace: String,
    },
    /// There is no API server to ask.
    #[error(transparent)]
    NoCluster(#[from] NoCluster),
    /// The API server failed, or ended the watch with an error.
    #[error("watching `{resource}` in namespace `{namespace}` failed: {reason}")]
    Unavailable {
        /// What is to be watched.
        resource: String,
        /// The workflow's namespace.
        namespace: String,
        /// What it said.
        reason: String,
    },
}

impl WatchError {
    fn of(error: kube::Error, resource: String, namespace: String) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden { resource, namespace },
            other => Self::Unavailable { resource, namespace, reason: super::reason(&other) },
        }
    }
}

impl Cluster {
    /// Tells `seen` what the WorkflowTaskSet of the workflow `name` says, at once and whenever it changes, or
    /// nothing when there is none, until the API server ends the watch, as it does every few minutes.
    pub async fn follow_task_set(
        &self,
        namespace: &str,
        name: &str,
        seen: impl FnMut(Option<TaskSet>),
    ) -> Result<(), WatchError> {
        self.follow("WorkflowTaskSet", namespace, name, seen).await
    }

    /// The same of the Workflow itself.
    pub async fn follow_workflow(
        &self,
        namespace: &str,
        name: &str,
        seen: impl FnMut(Option<WorkflowState>),
    ) -> Result<(), WatchError> {
        self.follow("Workflow", namespace, name, seen).await
    }

    /// What the Workflow `name` says now; nothing when there is none.
    pub async fn workflow_state(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<WorkflowState>, WatchError> {
        let resource = super::argo("Workflow");
        let api: Api<Read<WorkflowSpec>> = Api::namespaced_with(self.client().await?, namespace, &resource);
        let found = api
            .get_opt(name)
            .await
            .map_err(|error| WatchError::of(error, resource.plural, namespace.to_owned()))?;
        match found {
            Some(found) => Ok(Some(WorkflowState::read(found).await)),
            None => Ok(None),
        }
    }

    async fn follow<P, T>(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        seen: impl FnMut(Option<T>),
    ) -> Result<(), WatchError>
    where
        P: Clone + std::fmt::Debug + DeserializeOwned,
        T: Kept<P>,
    {
        let resource = super::argo(kind);
        let api = Api::namespaced_with(self.client().await?, namespace, &resource);
        let (resource, namespace) = (resource.plural, namespace.to_owned());
        watch(&api, name, self.limits.watch_seconds(), seen)
            .await
            .map_err(|error| WatchError::of(error, resource, namespace))
    }
}

/// Watches for so many `seconds`. It always begins with a list, so that no resource version can be too old.
async fn watch<P, T>(
    api: &Api<Read<P>>,
    name: &str,
    seconds: u32,
    mut seen: impl FnMut(Option<T>),
) -> Result<(), kube::Error>
where
    P: Clone + std::fmt::Debug + DeserializeOwned,
    T: Kept<P>,
{
    let only = format!("metadata.name={name}");
    let found = api.list(&ListParams::default().fields(&only)).await?;
    seen(match found.items.into_iter().next() {
        Some(object) => Some(T::read(object).await),
        None => None,
    });
    let from = found.metadata.resource_version.unwrap_or_default();
    let parameters = WatchParams::default().fields(&only).timeout(seconds);
    let events = api.watch(&parameters, &from).await?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => seen(Some(T::read(object).await)),
            WatchEvent::Deleted(_) => seen(None),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        }
    }
    Ok(())
}
