//! Pod Security: the level that the namespaces enforce, and the level that their pods need.

use k8s_openapi::api::core::v1::Namespace;
use serde_json::Value;

use super::api_login::unread;
use super::controller::Config;
use super::plugin::{ContainerSettings, Plugin};
use super::user_objects::{UserObject, UserObjects};
use super::{Doctor, Finding, fix};
use crate::kube::ReadError;

/// The label by which a namespace refuses pods (Kubernetes: "Pod Security Admission").
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

impl Doctor {
    /// Checks the namespace of the agent pods.
    pub(super) async fn workflow_namespace(&self, plugin: Option<&Plugin>) -> Vec<Finding> {
        let name = &self.site.namespace;
        let read = self.engine.cluster.find_global::<Namespace>(name).await;
        let wrong = plugin.map(Plugin::unrestricted).unwrap_or_default();
        vec![judge(name, &read, |level| agent(level, &wrong))]
    }

    /// Checks whether the workflows' namespace refuses steps that are pods. None if there are no such steps, or nothing is refused.
    pub(super) async fn pod_steps(&self, written: &UserObjects, config: &Config) -> Option<Finding> {
        let name = &self.site.namespace;
        let read = self.engine.cluster.find_global::<Namespace>(name).await.ok()??;
        let level = read.metadata.labels.and_then(|labels| labels.get(ENFORCE).cloned());
        let is_strict = config.is_known && level.as_deref() == Some("restricted");
        let place = is_strict.then(|| written.objects.iter().find_map(pod_step)).flatten()?;
        let lacks = unrestricted(&config.executor);
        (!lacks.is_empty()).then(|| {
            Finding::fail(
                format!("pod steps of namespace {name}"),
                format!(
                    "enforces restricted, which refuses {place} and every other step that is a pod (\"violates PodSecurity\"): \
                     Argo's containers `init` and `wait` lack {}; set {EXECUTOR} in ConfigMap {}, and what its own containers \
                     need in the template",
                    lacks.join(", "),
                    config.map
                ),
            )
        })
    }

    /// Checks the namespace of buildkitd, if its address, ours or the sidecar's, names one.
    pub(super) async fn daemon_namespace(&self, settings: &ContainerSettings) -> Vec<Finding> {
        let host = self.engine.pool.host().and_then(namespace_of);
        let host = host.or_else(|| settings.buildkit_name().and_then(namespace_of));
        let Some(name) = host else { return Vec::new() };
        let read = self.engine.cluster.find_global::<Namespace>(name).await;
        // `builder.lan` is not a Service, it only looks like one.
        if matches!(read, Ok(None))
            && !self.engine.pool.host().or(settings.buildkit_name()).is_some_and(is_qualified)
        {
            return Vec::new();
        }
        vec![judge(name, &read, daemon)]
    }
}

/// A setting that satisfies `restricted`, for the pods of Argo's steps.
pub(super) const EXECUTOR: &str = "executor: {securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, \
     runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}}";

/// The first template that runs as a pod.
fn pod_step(object: &UserObject) -> Option<String> {
    const PODS: [&str; 5] = ["container", "containerSet", "script", "resource", "data"];
    let all = object.templates();
    let (name, _) = all.iter().find(|(_, template)| PODS.iter().any(|key| template.get(key).is_some()))?;
    Some(format!("{} (template {name})", object.place()))
}

/// The requirements of `restricted` for each container that the pod's own security context cannot satisfy.
fn unrestricted(context: &Value) -> Vec<&'static str> {
    let drops = context.pointer("/capabilities/drop").and_then(Value::as_array);
    let wrong = [
        (context["allowPrivilegeEscalation"] != false, "allowPrivilegeEscalation: false"),
        (drops.is_none_or(|drop| !drop.iter().any(|one| one == "ALL")), "capabilities: {drop: [ALL]}"),
    ];
    wrong.into_iter().filter_map(|(wrong, mend)| wrong.then_some(mend)).collect()
}

fn is_qualified(host: &str) -> bool {
    // The third label of a Service, and the fourth of a pod of a StatefulSet.
    host.split('.').skip(2).take(2).any(|label| label == "svc")
}

/// The namespace in the host of a Service, or of a StatefulSet's pod: `buildkit` for `buildkitd.buildkit.svc`, for `buildkitd.buildkit` and for
/// `buildkitd-0.buildkitd.buildkit.svc`.
pub(super) fn namespace_of(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    let namespace = match labels[..] {
        [_, namespace] | [_, namespace, "svc", ..] | [_, _, namespace, "svc", ..] => namespace,
        _ => return None,
    };
    (!namespace.is_empty() && namespace.parse::<u8>().is_err()).then_some(namespace)
}

/// The name of the Service in `host`, which is that of its Deployment or StatefulSet: `buildkitd` in each of these.
pub(super) fn service_of(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    match labels[..] {
        [_, service, _, "svc", ..] | [service, ..] => Some(service),
        [] => None,
    }
}

fn judge(
    name: &str,
    read: &Result<Option<Namespace>, ReadError>,
    says: impl Fn(Option<&str>) -> Result<String, String>,
) -> Finding {
    let subject = format!("Pod Security of namespace {name}");
    let namespace = match read {
        Ok(Some(namespace)) => namespace,
        Ok(None) => {
            return Finding::fail(subject, "the namespace does not exist; create it, or name another one")
                .fixed_by(fix::namespace(name));
        }
        Err(error) => return unread(subject, error),
    };
    let labels = namespace.metadata.labels.as_ref();
    let level = labels.and_then(|labels| labels.get(ENFORCE)).map(String::as_str);
    match says(level) {
        Ok(text) => Finding::ok(subject, text),
        Err(text) => Finding::fail(subject, text),
    }
}

fn agent(level: Option<&str>, wrong: &[&str]) -> Result<String, String> {
    match (level, wrong) {
        (Some("restricted"), [_, ..]) => Err(format!(
            "enforces restricted, which refuses the agent pod (\"violates PodSecurity\"): set {} in the \
             plugin's securityContext",
            wrong.join(", ")
        )),
        (Some(level), _) => Ok(format!("enforces {level}, which the agent pod fits")),
        (None, _) => Ok("enforces nothing by label; the agent pod fits restricted".to_owned()),
    }
}

/// buildkitd creates containers, so it needs seccomp and AppArmor unconfined.
fn daemon(level: Option<&str>) -> Result<String, String> {
    match level {
        Some(level @ ("restricted" | "baseline")) => Err(format!(
            "enforces {level}, which refuses buildkitd: even in a user namespace it needs seccomp and AppArmor \
             unconfined; keep the namespace for buildkitd alone, and label it {ENFORCE}=privileged"
        )),
        Some(level) => Ok(format!("enforces {level}, as buildkitd needs")),
        None => Ok("enforces nothing by label; buildkitd needs privileged".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_names_its_namespace() {
        let rows = [
            ("buildkitd.buildkit.svc", Some("buildkit")),
            ("buildkitd.buildkit.svc.cluster.local", Some("buildkit")),
            ("buildkitd.buildkit", Some("buildkit")),
            ("buildkitd-0.buildkitd.buildkit.svc", Some("buildkit")),
            ("buildkitd-0.buildkitd.buildkit.svc.cluster.local", Some("buildkit")),
            ("buildkitd", None),
            ("10.0.0.7", None),
            ("builder.example.com", None),
        ];
        for (host, namespace) in rows {
            assert_eq!(namespace_of(host), namespace, "{host}");
            if namespace.is_some() {
                assert_eq!(service_of(host), Some("buildkitd"), "{host}");
            }
        }
    }

    #[test]
    fn levels_are_held_against_the_pods() {
        assert!(agent(Some("restricted"), &[]).is_ok());
        assert!(agent(None, &["x"]).is_ok());
        let refused = agent(Some("restricted"), &["capabilities: {drop: [ALL]}"]);
        assert!(refused.is_err_and(|text| text.contains("drop: [ALL]")));
        assert!(daemon(Some("privileged")).is_ok() && daemon(None).is_ok());
        assert!(daemon(Some("baseline")).is_err_and(|text| text.contains("enforces baseline")));
    }
}
