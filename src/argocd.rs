//! Argo CD, through the objects that it watches: its own API is not needed for what is done here.

use std::fmt;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::kube::{self as cluster, Cluster, MayNotAct, NoCluster, Rights, argo};

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
    /// RBAC refuses the account.
    #[error(
        "patching the {application} is forbidden to {rights}; {} patch on `applications` of \
         API group argoproj.io (a Role in that namespace with resourceNames: [{}])",
        rights.grant(),
        application.name
    )]
    Forbidden {
        /// The Application.
        application: Application,
        /// Who asked.
        rights: Rights,
    },
    /// RBAC refuses us to act as the account.
    #[error("patching the {application}: {reason}")]
    MayNotAct {
        /// The Application.
        application: Application,
        /// As whom.
        reason: MayNotAct,
    },
    /// There is no API server to ask.
    #[error(
        "{0}; in a pod, mount the plugin's ServiceAccount token (automountServiceAccountToken: true), at a terminal, \
         set KUBECONFIG"
    )]
    NoCluster(#[from] NoCluster),
    /// The API server failed.
    #[error("patching the {application} failed: {reason}")]
    Unavailable {
        /// The Application.
        application: Application,
        /// What it said.
        reason: String,
    },
}

impl ArgoCdError {
    /// Whether another try may help.
    fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl ArgoCd {
    /// Nothing is connected to yet.
    pub fn new(cluster: Cluster) -> Self {
        Self(cluster)
    }

    /// Has Argo CD look for new commits now, instead of minutes later, with the rights of `namespace`: as a rule
    /// another one than the Application's. Tried up to four times while the API server is away.
    pub async fn refresh(&self, namespace: &str, application: &Application) -> Result<(), ArgoCdError> {
        let (client, rights) = (self.0.client_for(namespace).await?, self.0.rights_for(namespace));
        let pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(3))
            .with_max_times(3);
        (|| annotate(client.clone(), &rights, application))
            .retry(pauses)
            .when(ArgoCdError::is_transient)
            .notify(|error, pause| {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "refreshing Argo CD failed, trying again");
            })
            .await
    }
}

async fn annotate(client: Client, rights: &Rights, application: &Application) -> Result<(), ArgoCdError> {
    let kind = argo("Application");
    let api: Api<DynamicObject> = Api::namespaced_with(client, &application.namespace, &kind);
    let (annotation, value) = REFRESH;
    let patch = Patch::Merge(json!({"metadata": {"annotations": {annotation: value}}}));
    // Its metadata is all that comes back: an Application's status may be large.
    let patched = api.patch_metadata(&application.name, &PatchParams::default(), &patch).await;
    patched.map(drop).map_err(|error| refused(error, rights, application.clone()))
}

fn refused(error: kube::Error, rights: &Rights, application: Application) -> ArgoCdError {
    match error {
        kube::Error::Api(status) if status.code == 404 => ArgoCdError::NotFound(application),
        kube::Error::Api(status) if status.code == 403 => match rights.not_ours(&status) {
            Some(reason) => ArgoCdError::MayNotAct { application, reason },
            None => ArgoCdError::Forbidden { application, rights: rights.clone() },
        },
        other => ArgoCdError::Unavailable { application, reason: cluster::reason(&other) },
    }
}
