//! Our identity at the API server. Without it, the cluster is not checked.

use super::{Finding, Severity};
use crate::kube::{Account, Cluster, NoCluster, ReadError};

/// The advice when there is no cluster.
const NO_CLUSTER: &str = "set KUBECONFIG, or run it as a Job in the cluster; what lies in the cluster is not checked, \
     and --offline says that this is meant";

/// The suffix of the names of the ConfigMap and of the plugin's ServiceAccount.
pub(super) const SUFFIX: &str = "-executor-plugin";

/// Our login at the API server.
pub(super) struct ApiLogin {
    user: Result<String, ReadError>,
    is_offline: bool,
}

impl ApiLogin {
    pub(super) async fn open(cluster: &Cluster) -> Self {
        Self { user: cluster.whoami().await, is_offline: false }
    }

    /// No login, because the cluster is not to be looked at.
    pub(super) fn offline() -> Self {
        Self { user: Err(ReadError::NoCluster(NoCluster::unwanted())), is_offline: true }
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self.user, Err(ReadError::NoCluster(_) | ReadError::Unavailable { .. }))
    }

    /// Whether this process has `account` itself.
    pub(super) fn is(&self, account: &Account) -> bool {
        self.user.as_ref().is_ok_and(|user| *user == account.user())
    }

    /// Our own account, if it is the account of a plugin in `namespace`.
    pub(super) fn plugin_account(&self, namespace: &str) -> Option<Account> {
        let name = self.user.as_ref().ok()?.strip_prefix(&format!("system:serviceaccount:{namespace}:"))?;
        name.ends_with(SUFFIX).then(|| Account::new(namespace, name))
    }

    /// The finding when a cluster is needed and there is none.
    pub(super) fn without(&self, why: &str) -> Finding {
        let found = self.finding();
        Finding { severity: Severity::Fail, text: format!("{}; {why}", found.text), ..found }
    }

    pub(super) fn finding(&self) -> Finding {
        let subject = "Kubernetes API";
        match &self.user {
            Ok(user) => Finding::ok(subject, format!("reached as `{user}`")),
            Err(_) if self.is_offline => Finding::skip(subject, "not looked at: --offline"),
            Err(error @ ReadError::NoCluster(_)) => Finding::fail(subject, format!("{error}; {NO_CLUSTER}")),
            Err(error @ ReadError::Unavailable { .. }) => {
                Finding::fail(subject, format!("{error}; the cluster is not checked"))
            }
            // An old API server cannot tell our identity, but it still answers the other requests.
            Err(error) => {
                Finding::warn(subject, format!("{error}; rights are asked for as an administrator"))
            }
        }
    }
}

/// The finding for an object that this login could not read.
pub(super) fn unread(subject: impl Into<String>, error: &ReadError) -> Finding {
    match error {
        ReadError::Forbidden(_) => Finding::skip(
            subject,
            format!("{error}; run `check` as a login that may, or grant it to this one"),
        ),
        ReadError::NoSuchKind(_) => {
            Finding::fail(subject, format!("{error}: install Argo Workflows and its CRDs first"))
        }
        ReadError::NoCluster(_) | ReadError::Unavailable { .. } => Finding::fail(subject, error.to_string()),
    }
}
