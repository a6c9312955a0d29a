//! Watches one workflow: the Workflow itself, and its WorkflowTaskSet, in which Argo hands templates to its agent.

mod state;

use futures_util::TryStreamExt;
use kube::Api;
use kube::api::{ListParams, WatchEvent, WatchParams};
use serde::de::DeserializeOwned;

use super::{ApiRequest, Cluster, KubeError, Rights};
use state::{FromObject, Read, WorkflowSpec};

pub use state::{Shutdown, TaskSet, WorkflowNode, WorkflowState};

/// Describes a watch of `resource` for error messages.
fn request(resource: &str, namespace: &str) -> ApiRequest {
    let attempt = format!("watching `{resource}` in namespace `{namespace}`");
    let right = "get, list and watch on `workflowtasksets` and `workflows` of API group argoproj.io (a Role in that namespace)";
    ApiRequest::new(attempt, Rights::Own, right).by("this process's ServiceAccount")
}

impl Cluster {
    /// Watches the WorkflowTaskSet of the workflow `name`. Calls `seen` with its state at once and after each change,
    /// and with `None` if it does not exist. Returns when the API server ends the watch, as it does every few
    /// minutes.
    pub async fn follow_task_set(
        &self,
        namespace: &str,
        name: &str,
        seen: impl FnMut(Option<TaskSet>),
    ) -> Result<(), KubeError> {
        self.follow("WorkflowTaskSet", namespace, name, seen).await
    }

    /// Like [`Self::follow_task_set`], for the Workflow itself.
    pub async fn follow_workflow(
        &self,
        namespace: &str,
        name: &str,
        seen: impl FnMut(Option<WorkflowState>),
    ) -> Result<(), KubeError> {
        self.follow("Workflow", namespace, name, seen).await
    }

    /// Reads the current state of the Workflow `name`; `None` if it does not exist.
    pub async fn workflow_state(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<WorkflowState>, KubeError> {
        let resource = super::argo("Workflow");
        let request = request(&resource.plural, namespace);
        let client = self.client().await.map_err(|e| request.no_cluster(e))?;
        let api: Api<Read<WorkflowSpec>> = Api::namespaced_with(client, namespace, &resource);
        match api.get_opt(name).await.map_err(|error| request.failed(&error))? {
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
    ) -> Result<(), KubeError>
    where
        P: Clone + std::fmt::Debug + DeserializeOwned,
        T: FromObject<P>,
    {
        let resource = super::argo(kind);
        let request = request(&resource.plural, namespace);
        let client = self.client().await.map_err(|e| request.no_cluster(e))?;
        let api = Api::namespaced_with(client, namespace, &resource);
        let watched = watch(&api, name, self.limits.watch_seconds(), seen).await;
        watched.map_err(|error| request.failed(&error))
    }
}

/// Watches the object `name` for `seconds`. A watch always starts with a list, so its resource version cannot be too
/// old.
async fn watch<P, T>(
    api: &Api<Read<P>>,
    name: &str,
    seconds: u32,
    mut seen: impl FnMut(Option<T>),
) -> Result<(), kube::Error>
where
    P: Clone + std::fmt::Debug + DeserializeOwned,
    T: FromObject<P>,
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
