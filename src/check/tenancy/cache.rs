//! Whether the cache registry requires a login for writes.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PodSpec};
use serde_json::Value;

use super::Tenants;
use crate::check::api_login::unread;
use crate::check::{Doctor, Finding};
use crate::kube::ReadError;

/// The namespace of the registry in `deploy/`.
const NAMESPACE: &str = "buildkit-cache";
const NAME: &str = "cache-registry";

impl Doctor {
    /// Checks the cache registry, if the one of `deploy/` is installed.
    pub(super) async fn cache_registry(&self, tenants: &Tenants) -> Option<Finding> {
        let subject = format!("cache registry {NAMESPACE}/{NAME}");
        let cluster = &self.engine.cluster;
        let pod = match cluster.find::<Deployment>(NAMESPACE, NAME).await {
            Ok(deployment) => deployment?.spec?.template.spec?,
            Err(error) => return Some(unread(subject, &error)),
        };
        let mut maps = Vec::new();
        for name in config_maps(&pod) {
            maps.push(cluster.find::<ConfigMap>(NAMESPACE, name).await);
        }
        Some(judge(subject, &pod, &maps, tenants))
    }
}

fn config_maps(pod: &PodSpec) -> impl Iterator<Item = &str> {
    let volumes = pod.volumes.iter().flatten();
    volumes.filter_map(|volume| volume.config_map.as_ref()).map(|map| map.name.as_str())
}

fn judge(
    subject: String,
    pod: &PodSpec,
    maps: &[Result<Option<ConfigMap>, ReadError>],
    tenants: &Tenants,
) -> Finding {
    let read = maps.iter().filter_map(|map| map.as_ref().ok().and_then(Option::as_ref));
    let asks = read.flat_map(|map| map.data.iter().flatten()).any(|(_, text)| has_auth(text));
    if asks || is_told(pod) {
        return Finding::ok(subject, "asks for a login");
    }
    if let Some(error) = maps.iter().find_map(|map| map.as_ref().err()) {
        return unread(subject, error);
    }
    if let Some(only) = tenants.only() {
        let text = format!("asks for no login, and {only} is the only namespace that builds");
        return Finding::ok(subject, text);
    }
    let text = format!(
        "asks for no login: a RUN of anybody's build can write what another's build takes from its cache; {}: give it \
         logins (deploy/README.md, \"The cache registry\"), or each team a registry of its own",
        tenants.who()
    );
    Finding::warn(subject, text)
}

/// Whether a text is a configuration of distribution's registry with a section `auth`.
fn has_auth(text: &str) -> bool {
    let parsed = serde_saphyr::from_str::<Value>(text).ok();
    parsed.as_ref().and_then(|config| config.get("auth")).is_some_and(|auth| !auth.is_null())
}

/// Whether variables set the configuration, which is also possible.
fn is_told(pod: &PodSpec) -> bool {
    let mut variables = pod.containers.iter().flat_map(|container| container.env.iter().flatten());
    variables.any(|variable| variable.name.starts_with("REGISTRY_AUTH"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use serde_json::json;

    fn said(env: &str, config: &str, tenants: &[&str]) -> String {
        let pod = json!({"containers": [{"name": "registry", "env": [{"name": env, "value": "x"}]}]});
        let map: ConfigMap = serde_json::from_value(json!({"data": {"config.yml": config}})).unwrap();
        let pod: PodSpec = serde_json::from_value(pod).unwrap();
        judge("cache registry".to_owned(), &pod, &[Ok(Some(map))], &Tenants::named(tenants)).to_string()
    }

    #[test]
    fn an_open_registry_of_several_namespaces_is_warned_of() {
        let (open, closed) = ("version: 0.1\n", "version: 0.1\nauth: {token: {realm: x}}\n");
        assert!(said("PATH", open, &["a", "b"]).starts_with("warn cache registry: asks for no login"));
        assert!(said("PATH", open, &["a"]).starts_with("ok"));
        assert_eq!(said("PATH", closed, &["a", "b"]), "ok   cache registry: asks for a login");
        assert!(said("REGISTRY_AUTH_HTPASSWD_PATH", open, &["a", "b"]).starts_with("ok"));
        assert!(said("PATH", "not: [yaml", &["a", "b"]).starts_with("warn"));
    }
}
