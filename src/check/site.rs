//! The names of the objects that are checked.

/// The names and namespaces of the objects to check.
#[derive(Debug, Clone)]
pub struct Site {
    /// The workflows' namespace.
    pub namespace: String,
    /// The controller's namespace.
    pub argo_namespace: String,
    /// The workflows' ServiceAccount.
    pub service_account: String,
    /// The controller's Deployment.
    pub controller: String,
    /// The shared agent's namespace.
    pub agent_namespace: String,
    /// Whether this process runs in the cluster, where the names of Services resolve.
    pub in_cluster: bool,
    /// The Argo CD Application that steps refresh or wait for.
    pub application: Option<Application>,
    /// Whether the cluster is not looked at. Without this, a missing cluster is a failure.
    pub is_offline: bool,
}

#[cfg(test)]
impl Site {
    /// The names from docs/install.md, for a process outside the cluster.
    pub(super) fn example() -> Self {
        Self {
            namespace: "builds".to_owned(),
            argo_namespace: "argo".to_owned(),
            service_account: "buildkit-workflow".to_owned(),
            controller: "workflow-controller".to_owned(),
            agent_namespace: "buildkit-agent".to_owned(),
            in_cluster: false,
            application: None,
            is_offline: false,
        }
    }
}

/// An Argo CD Application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl std::str::FromStr for Application {
    type Err = &'static str;

    /// Parses `NAMESPACE/NAME`, or `NAME` for one in the namespace `argocd`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (namespace, name) = text.split_once('/').unwrap_or(("argocd", text));
        if namespace.is_empty() || name.is_empty() || name.contains('/') {
            return Err("expected NAMESPACE/NAME, or the NAME of one in `argocd`");
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}
