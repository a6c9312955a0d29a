//! Argo CD, through the objects that it watches: its own API is not needed for what is done here.

use std::fmt;

use backon::Retryable;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::kube::{Cluster, KubeError, Request, argo};
use crate::outcome::Fault;
use crate::time_limits::pauses;

/// Argo CD compares the Application with Git as soon as this is set, and removes it. `normal` is as good as `hard`
/// for a new commit, and spares the manifest cache.
const REFRESH: (&str, &str) = ("argocd.argoproj.io/refresh", "normal");

/// An Application by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its namespace, as a rule Argo CD's own.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Application `{}` in namespace `{}`", self.name, self.namespace)
    }
}

/// Argo CD on the cluster that the environment names.
pub struct ArgoCd(Cluster);

/// Why an Application could not be refreshed.
#[derive(Debug, thiserror::Error)]
pub enum ArgoCdError {
    /// There is no such Application, or no Argo CD.
    #[error("there is no {0}; create it there, or correct `refresh`")]
    NotFound(Application),
    /// The API server did not do it.
    #[error(transparent)]
    Kube(#[from] KubeError),
}

impl ArgoCdError {
    /// Whether another try may help.
    fn is_transient(&self) -> bool {
        matches!(self, Self::Kube(error) if error.fault() == Fault::Transient)
    }
}

impl ArgoCd {
    /// It connects when it is first asked.
    pub fn new(cluster: Cluster) -> Self {
        Self(cluster)
    }

    /// Has Argo CD look for new commits now, instead of minutes later, with the rights of `namespace`: as a rule
    /// another one than the Application's. Tried up to four times while the API server is away.
    pub async fn refresh(&self, namespace: &str, application: &Application) -> Result<(), ArgoCdError> {
        let right = format!(
            "patch on `applications` of API group argoproj.io (a Role in that namespace with resourceNames: [{}])",
            application.name
        );
        let request =
            Request::new(format!("patching the {application}"), self.0.rights_for(namespace), right);
        let client = self.0.client_for(namespace).await.map_err(|reason| request.no_cluster(reason))?;
        (|| annotate(client.clone(), &request, application))
            .retry(pauses::few())
            .when(ArgoCdError::is_transient)
            .notify(|error, pause| {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "refreshing Argo CD failed, trying again");
            })
            .await
    }
}

async fn annotate(client: Client, request: &Request, application: &Application) -> Result<(), ArgoCdError> {
    let kind = argo("Application");
    let api: Api<DynamicObject> = Api::namespaced_with(client, &application.namespace, &kind);
    let (annotation, value) = REFRESH;
    let patch = Patch::Merge(json!({"metadata": {"annotations": {annotation: value}}}));
    // Its metadata is all that comes back: an Application's status may be large.
    let patched = api.patch_metadata(&application.name, &PatchParams::default(), &patch).await;
    patched.map(drop).map_err(|error| match error {
        kube::Error::Api(status) if status.code == 404 => ArgoCdError::NotFound(application.clone()),
        other => request.failed(&other).into(),
    })
}
