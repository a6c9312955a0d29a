//! What Argo says about one workflow as it runs: the Workflow itself, and the WorkflowTaskSet, in which it hands
//! templates to its agent.

mod state;

use futures_util::TryStreamExt;
use kube::Api;
use kube::api::{ListParams, WatchEvent, WatchParams};
use serde::de::DeserializeOwned;

use super::{Cluster, KubeError, Request, Rights};
use state::{Kept, Read, WorkflowSpec};

pub use state::{NodePlace, Shutdown, TaskSet, WorkflowState};

/// What is asked with a watch of `resource`.
fn request(resource: &str, namespace: &str) -> Request {
    let attempt = format!("watching `{resource}` in namespace `{namespace}`");
    let right = "get, list and watch on `workflowtasksets` and `workflows` of API group argoproj.io (a Role in that namespace)";
    Request::new(attempt, Rights::Own, right).by("this process's ServiceAccount")
}

impl Cluster {
    /// Tells `seen` what the WorkflowTaskSet of the workflow `name` says, at once and whenever it changes, or
    /// nothing when there is none, until the API server ends the watch, as it does every few minutes.
    pub async fn follow_task_set(
        &self,
        namespace: &str,
        name: &str,
        seen: impl FnMut(Option<TaskSet>),
    ) -> Result<(), KubeError> {
        self.follow("WorkflowTaskSet", namespace, name, seen).await
    }

    /// [`Self::follow_task_set`], for the Workflow itself.
    pub async fn follow_workflow(
        &self,
        namespace: &str,
        name: &str,
        seen: impl FnMut(Option<WorkflowState>),
    ) -> Result<(), KubeError> {
        self.follow("Workflow", namespace, name, seen).await
    }

    /// What the Workflow `name` says now; nothing when there is none.
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
        T: Kept<P>,
    {
        let resource = super::argo(kind);
        let request = request(&resource.plural, namespace);
        let client = self.client().await.map_err(|e| request.no_cluster(e))?;
        let api = Api::namespaced_with(client, namespace, &resource);
        let watched = watch(&api, name, self.limits.watch_seconds(), seen).await;
        watched.map_err(|error| request.failed(&error))
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
