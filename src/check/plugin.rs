//! The ConfigMap with which the plugin is registered in Argo, and its container.

mod settings;
mod sidecar;

use k8s_openapi::api::core::v1::ConfigMap;

use super::api_login::{SUFFIX, unread};
use super::{Finding, Site};
use crate::kube::{Account, By, Cluster, ReadError};
pub(super) use settings::ContainerSettings;
pub(super) use sidecar::{ARGO_USER, Amounts, Sidecar};

/// The label by which Argo lists plugins (argo-workflows `workflow/common`).
const LABEL: &str = "workflows.argoproj.io/configmap-type=ExecutorPlugin";
/// The name of the ConfigMap in our installation.
pub(super) const OUR_NAME: &str = "buildkit-executor-plugin";
/// A plugin that Argo runs beside its agent.
#[derive(Debug)]
pub(super) struct Plugin {
    /// The ConfigMap's name.
    pub(super) name: String,
    namespace: String,
    /// Whether the token of its ServiceAccount is mounted.
    pub(super) mounts_token: bool,
    container: Result<Sidecar, String>,
}

impl Plugin {
    fn parse(map: ConfigMap) -> Self {
        let data = map.data.unwrap_or_default();
        let container = match data.get("sidecar.container") {
            None => Err("it has no `sidecar.container`".to_owned()),
            Some(text) => serde_saphyr::from_str(text)
                .map_err(|e| format!("its `sidecar.container` is not a container: {e}")),
        };
        Self {
            name: map.metadata.name.unwrap_or_default(),
            namespace: map.metadata.namespace.unwrap_or_default(),
            mounts_token: data.get("sidecar.automountServiceAccountToken").is_some_and(|v| v == "true"),
            container,
        }
    }

    /// Whether the plugin is this program, by its name, its image or its command.
    pub(super) fn is_ours(&self) -> bool {
        let named = self.name == OUR_NAME || self.name.contains("argo-buildkit");
        named || self.container.as_ref().is_ok_and(Sidecar::is_ours)
    }

    /// The ServiceAccount whose token Argo mounts for it in a workflow's namespace.
    pub(super) fn account(&self, namespace: &str) -> Account {
        Account::new(namespace, &self.name)
    }

    /// The name of its container, and the container's requests and limits.
    pub(super) fn amounts(&self) -> Option<(String, Amounts, Amounts)> {
        let container = self.container.as_ref().ok()?;
        Some((container.name().to_owned(), container.amounts("requests"), container.amounts("limits")))
    }

    /// The port that Argo calls.
    pub(super) fn port(&self) -> Option<i64> {
        self.container.as_ref().ok()?.port()
    }

    fn subject(&self) -> String {
        format!("plugin ConfigMap {}/{}", self.namespace, self.name)
    }

    /// The violations of the `restricted` Pod Security standard by its container.
    pub(super) fn unrestricted(&self) -> Vec<&'static str> {
        self.container.as_ref().map(Sidecar::unrestricted).unwrap_or_default()
    }
}

/// The plugins of `namespace`.
pub(super) async fn read(cluster: &Cluster, namespace: &str) -> Result<Vec<Plugin>, ReadError> {
    let maps = cluster.list::<ConfigMap>(namespace, &By::Labels(LABEL)).await?;
    Ok(maps.into_iter().map(Plugin::parse).collect())
}

/// The findings about `plugins`, for a controller that watches `only` one namespace.
pub(super) fn judge(
    read: &[Result<Vec<Plugin>, ReadError>],
    site: &Site,
    only: Option<&str>,
) -> Vec<Finding> {
    let subject = "plugin ConfigMap";
    let unreadable: Vec<_> = read.iter().filter_map(|r| Some(unread(subject, r.as_ref().err()?))).collect();
    let found: Vec<&Plugin> = read.iter().flatten().flatten().collect();
    let (all, unseen): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|plugin| only.is_none_or(|only| plugin.namespace == only));
    if let (Some(only), Some(ours), false) =
        (only, unseen.iter().find(|p| p.is_ours()), all.iter().any(|p| p.is_ours()))
    {
        return vec![Finding::fail(
            ours.subject(),
            format!(
                "the controller watches namespace {only} alone (--managed-namespace), plugins too, so it does not load this \
                 one; apply it to {only}"
            ),
        )];
    }
    let ours: Vec<_> = all.iter().filter(|plugin| plugin.is_ours()).collect();
    let mut found = match ours.as_slice() {
        [] if !unreadable.is_empty() => return unreadable,
        [] => return vec![Finding::fail(subject, absent(&all, site))],
        [one] => one.findings(),
        [one, other, ..] => vec![Finding::fail(
            subject,
            format!(
                "Argo runs both {}/{} and {}/{} in every agent pod, which then has two containers of one \
                 name or port; delete one",
                one.namespace, one.name, other.namespace, other.name
            ),
        )],
    };
    found.extend(unreadable);
    found
}

fn absent(all: &[&Plugin], site: &Site) -> String {
    let Site { namespace, argo_namespace, .. } = site;
    let others = match all {
        [] => String::new(),
        all => format!(
            " (there are others: {})",
            all.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ")
        ),
    };
    format!(
        "no ConfigMap with the label {LABEL} in {argo_namespace} or {namespace} runs argo-buildkit{others}, \
         so nodes end with \"no plugin executed the template\"; apply {OUR_NAME} to {argo_namespace}"
    )
}

impl Plugin {
    fn findings(&self) -> Vec<Finding> {
        let mut wrong = Vec::new();
        if !self.name.ends_with(SUFFIX) {
            wrong.push(format!("Argo wants its name to end in {SUFFIX}; rename it"));
        }
        match &self.container {
            Err(why) => {
                wrong.push(format!("{why}; Argo does not load the plugin; apply the one of the installation"))
            }
            Ok(container) => wrong.extend(container.wrong()),
        }
        if wrong.is_empty() {
            let image = self.container.as_ref().map(|c| c.image.as_str()).unwrap_or_default();
            return vec![Finding::ok(self.subject(), format!("image {image}, user {ARGO_USER}"))];
        }
        wrong.into_iter().map(|text| Finding::fail(self.subject(), text)).collect()
    }
}

#[cfg(test)]
mod tests;
