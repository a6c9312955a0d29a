//! Requests about the Applications of one namespace.

use std::sync::Arc;

use backon::Retryable as _;
use serde_json::{Value, json};

use super::shared_watch::{SharedWatch, Subscription};
use super::state::ApplicationState;
use super::{Application, ArgoCdError, REFRESH};
use crate::kube::{KubeError, Merged, ObjectWatch, TenantObjects};
use crate::outcome::Fault;
use crate::time_limits::pauses;

/// The name of the author of our operations in Argo CD.
const INITIATOR: &str = "argo-buildkit";

/// The Applications of one namespace, with the rights of a workflow's namespace.
#[derive(Clone)]
pub struct Applications {
    objects: TenantObjects,
    namespace: String,
    shared: Option<Arc<SharedWatch>>,
}

/// Whether a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patched {
    /// It was made.
    Done,
    /// The Application has changed meanwhile, so nothing was done.
    Outdated,
}

impl Applications {
    pub(super) fn new(objects: TenantObjects, namespace: &str, shared: Option<Arc<SharedWatch>>) -> Self {
        Self { objects, namespace: namespace.to_owned(), shared }
    }

    /// The names of the Applications with these labels, at most `most`.
    pub async fn labelled(&self, labels: &str, most: u32) -> Result<Vec<String>, KubeError> {
        self.objects.names(labels, most).await
    }

    /// Requests a comparison with Git, and returns the state right after the request.
    pub async fn refresh(&self, name: &str) -> Result<ApplicationState, ArgoCdError> {
        let (annotation, value) = REFRESH;
        let patch = json!({"metadata": {"annotations": {annotation: value}}});
        match self.merge(name, &patch).await? {
            Merged::Done(object) => Ok(ApplicationState::read(&object)),
            // A patch without a resource version has no conflict.
            Merged::Missing | Merged::Conflict => Err(self.missing(name)),
        }
    }

    /// Requests a sync, if the Application is still in the state `state`. The old state of operations is removed in the same write,
    /// as Argo CD's own API does: otherwise an operation may count as done although it has applied nothing.
    pub async fn start_sync(&self, name: &str, state: &ApplicationState) -> Result<Patched, ArgoCdError> {
        let sync = match state.revisions.as_slice() {
            [revision] => json!({"revision": revision, "prune": true}),
            several => json!({"revisions": several, "prune": true}),
        };
        let patch = json!({
            "metadata": {"resourceVersion": state.version},
            "operation": {"initiatedBy": {"username": INITIATOR}, "sync": sync},
            "status": {"operationState": null},
        });
        self.guarded(name, &patch).await
    }

    /// Ends the running operation, if the Application is still in the state `state`.
    pub async fn stop_operation(&self, name: &str, state: &ApplicationState) -> Result<Patched, ArgoCdError> {
        let patch = json!({
            "metadata": {"resourceVersion": state.version},
            "status": {"operationState": {"phase": "Terminating"}},
        });
        self.guarded(name, &patch).await
    }

    /// The news of the Application `name` from the shared watch; `None` if there is no such watch.
    pub(super) fn subscribe(&self, name: &str) -> Option<Subscription> {
        self.shared.as_ref()?.subscribe(&self.namespace, name)
    }

    /// A watch of the Application `name`.
    pub(super) fn watch(&self, name: &str) -> ObjectWatch {
        ObjectWatch::new(self.objects.clone(), name)
    }

    async fn guarded(&self, name: &str, patch: &Value) -> Result<Patched, ArgoCdError> {
        match self.merge(name, patch).await? {
            Merged::Done(_) => Ok(Patched::Done),
            Merged::Conflict => Ok(Patched::Outdated),
            Merged::Missing => Err(self.missing(name)),
        }
    }

    /// Makes up to four tries while the API server is unavailable. No patch does harm twice: all but the refresh name a version.
    async fn merge(&self, name: &str, patch: &Value) -> Result<Merged, KubeError> {
        (|| self.objects.merge(name, patch))
            .retry(pauses::few())
            .when(|error: &KubeError| error.fault() == Fault::Transient)
            .notify(|error, pause| {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "changing an Application failed, trying again");
            })
            .await
    }

    pub(super) fn missing(&self, name: &str) -> ArgoCdError {
        ArgoCdError::NotFound(Application { namespace: self.namespace.clone(), name: name.to_owned() })
    }
}
