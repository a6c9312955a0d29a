//! Argo CD, through its Kubernetes objects: its own API is not needed here.

mod applications;
mod judgement;
mod messages;
mod shared_watch;
mod standing;
mod state;
mod watch;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use backon::Retryable;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::kube::{ApiRequest, Cluster, KubeError, argo};
use crate::outcome::Fault;
use crate::time_limits::pauses;

pub use applications::{Applications, Patched};
pub use judgement::is_image;
pub(crate) use messages::short;
use shared_watch::SharedWatch;
pub use standing::{RevisionOrder, RevisionOrders, Standing, Waiting, Wanted};
pub use state::{
    ApplicationState, AppliedImage, Condition, Health, ManagedWorkload, OperationPhase, OperationState,
    SyncStatus,
};
pub use watch::ApplicationWatch;

/// The annotation that makes Argo CD compare the Application with Git at once; Argo CD then removes it. `normal`
/// works as well as `hard` for a new commit, and keeps the manifest cache.
const REFRESH: (&str, &str) = ("argocd.argoproj.io/refresh", "normal");

/// The namespace of an Application whose namespace is not written.
pub(crate) const DEFAULT_NAMESPACE: &str = "argocd";

/// The name of an Application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The namespace of the Application, usually Argo CD's own.
    pub namespace: String,
    /// The name of the Application.
    pub name: String,
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Application `{}` in namespace `{}`", self.name, self.namespace)
    }
}

/// Argo CD on the cluster from the environment.
pub struct ArgoCd {
    cluster: Cluster,
    /// One watch of all Applications for the waits of all steps.
    shared: Option<Arc<SharedWatch>>,
}

/// Why an Application could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ArgoCdError {
    /// The Application does not exist, or Argo CD is not installed.
    #[error("there is no {0}; create it there, or correct its name in the step")]
    NotFound(Application),
    /// The request to the API server failed.
    #[error(transparent)]
    Kube(#[from] KubeError),
}

impl ArgoCdError {
    /// Says who must act.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotFound(_) => Fault::User,
            Self::Kube(error) => error.fault(),
        }
    }

    /// Whether another try may help.
    fn is_transient(&self) -> bool {
        self.fault() == Fault::Transient
    }
}

impl ArgoCd {
    /// Makes a client, which connects at the first request.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, shared: None }
    }

    /// Lets all waits share one watch for each namespace of Applications, with the rights of this process. For a process that serves
    /// many namespaces: a watch of all Applications is too much for one wait.
    #[must_use]
    pub fn sharing_watches(self) -> Self {
        let shared = Some(Arc::new(SharedWatch::new(self.cluster.clone())));
        Self { shared, ..self }
    }

    /// The Applications of `namespace`, with the rights of the workflows' namespace `tenant`.
    pub async fn applications(&self, tenant: &str, namespace: &str) -> Result<Applications, KubeError> {
        let objects = self.cluster.tenant_objects(tenant, argo("Application"), namespace).await?;
        Ok(Applications::new(objects, namespace, self.shared.clone()))
    }

    /// Makes Argo CD look for new commits now, instead of minutes later. Uses the rights of `namespace`, which
    /// usually is not the Application's. Makes up to four tries while the API server is unavailable.
    pub async fn refresh(&self, namespace: &str, application: &Application) -> Result<(), ArgoCdError> {
        let right = format!(
            "patch on `applications` of API group argoproj.io (a Role in that namespace with resourceNames: [{}])",
            application.name
        );
        let request =
            ApiRequest::new(format!("patching the {application}"), self.cluster.rights_for(namespace), right);
        let client = self.cluster.client_for(namespace).await.map_err(|reason| request.no_cluster(reason))?;
        (|| annotate(client.clone(), &request, application))
            .retry(pauses::few())
            .when(ArgoCdError::is_transient)
            .notify(|error, pause| {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "refreshing Argo CD failed, trying again");
            })
            .await
    }
}

async fn annotate(
    client: Client,
    request: &ApiRequest,
    application: &Application,
) -> Result<(), ArgoCdError> {
    let kind = argo("Application");
    let api: Api<DynamicObject> = Api::namespaced_with(client, &application.namespace, &kind);
    let (annotation, value) = REFRESH;
    let patch = Patch::Merge(json!({"metadata": {"annotations": {annotation: value}}}));
    // Only the metadata is returned: the status of an Application may be large.
    let patched = api.patch_metadata(&application.name, &PatchParams::default(), &patch).await;
    patched.map(drop).map_err(|error| match error {
        kube::Error::Api(status) if status.code == 404 => ArgoCdError::NotFound(application.clone()),
        other => request.failed(&other).into(),
    })
}
