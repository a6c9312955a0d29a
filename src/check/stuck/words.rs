//! Messages of Argo and Kubernetes that have one known cause, with advice.

use crate::check::security::EXECUTOR;

/// The advice for `message`, if it is a known one, in a namespace with these LimitRanges.
pub(super) fn mend(message: &str, ranges: &[String]) -> Option<String> {
    if message.contains("violates PodSecurity") {
        return Some(of_pod_security(message));
    }
    if let Some(rest) = message.split_once("exceeded quota: ").map(|(_, rest)| rest) {
        let name = rest.split([',', ' ']).next().unwrap_or_default();
        return Some(format!(
            "raise ResourceQuota {name} of the workflow's namespace, let other workflows end, or lower what the pod asks for (of \
             an agent's pod: the plugin's ConfigMap)"
        ));
    }
    if let Some(rest) = message.split_once("status unknown for quota: ").map(|(_, rest)| rest) {
        let name = rest.split([',', ' ']).next().unwrap_or_default();
        return Some(format!("ResourceQuota {name} had not been counted yet; submit the workflow again"));
    }
    if ["usage per Container", "usage per Pod", "limit to request ratio"]
        .iter()
        .any(|words| message.contains(words))
    {
        let names = if ranges.is_empty() {
            "s of the workflow's namespace".to_owned()
        } else {
            format!(" {}", ranges.join(", "))
        };
        return Some(format!(
            "change LimitRange{names}, or what the pod asks for (of an agent's pod: the plugin's ConfigMap, and of its container \
             `main` ARGO_AGENT_CPU_LIMIT and ARGO_AGENT_MEMORY_LIMIT of the controller)"
        ));
    }
    if message.contains("template.execute") {
        return of_call(message);
    }
    if let Some(name) = quoted_after(message, "serviceaccounts ").filter(|_| message.contains("not found")) {
        return Some(format!(
            "create the ServiceAccount {name} in the workflow's namespace, and its token Secret \
             {name}.service-account-token"
        ));
    }
    let known = [
        (
            "Cannot find end tag",
            "a parameter has a `{{` without a `}}`, which Argo takes for a reference: close it, or leave it out",
        ),
        (
            "no plugin executed the template",
            "install the plugin's ConfigMap, and write exactly one key under `plugin`: buildkit",
        ),
        (
            "error occurred when patching its result",
            "let the workflow's ServiceAccount patch workflowtasksets/status",
        ),
        (
            "agent pod failed with reason",
            "the agent's pod died (evicted, or its node went away), and Argo makes no other for this workflow, so retries and exit \
             handlers end with it; submit the workflow again. A PodDisruptionBudget keeps drains from it (deploy/base/builds), \
             requests as high as its limits keep it from eviction, and the shared agent has no pod for each workflow",
        ),
        ("ImagePullBackOff", "check the image's name and that the namespace may pull it (imagePullSecrets)"),
        ("ErrImagePull", "check the image's name and that the namespace may pull it (imagePullSecrets)"),
        ("Unschedulable", "free resources or add a node, or correct the node selector"),
    ];
    known.iter().find(|(words, _)| message.contains(words)).map(|(_, mend)| (*mend).to_owned())
}

/// The advice by the refused containers: Argo's own, the template's, or the plugin's.
fn of_pod_security(message: &str) -> String {
    let names = |container: &str| {
        message.contains(&format!("\"{container}\"")) || message.contains(&format!("\\\"{container}\\\""))
    };
    let relax = "or relax the namespace's pod-security.kubernetes.io/enforce label";
    match (names("init") || names("wait"), names("main")) {
        (true, _) => format!(
            "set {EXECUTOR} in the controller's ConfigMap (`init` and `wait` are its containers), and what is listed of `main` in \
             the template's container, {relax}"
        ),
        (false, true) => {
            format!("set what it lists in the securityContext of the template's container, {relax}")
        }
        (false, false) => format!("set what it lists in the plugin's securityContext (ConfigMap), {relax}"),
    }
}

/// The advice for a call of Argo's agent that a plugin did not answer.
fn of_call(message: &str) -> Option<String> {
    let cause = if message.contains("connection refused") {
        "nothing listens where Argo calls the plugin, the first containerPort in its ConfigMap"
    } else if message.contains("context deadline exceeded") || message.contains("Client.Timeout") {
        "the plugin's container takes the call and does not answer"
    } else {
        return None;
    };
    Some(format!(
        "{cause}: make `--listen` (ARGO_BUILDKIT_LISTEN) and that port one, and see `argo-buildkit check` and the log of the agent \
         pod's container `buildkit`"
    ))
}

/// The name in the quotes after `words`, plain or escaped.
pub(super) fn quoted_after<'a>(message: &'a str, words: &str) -> Option<&'a str> {
    let rest = message.split_once(words)?.1.trim_start_matches(['"', '\\']);
    let name = rest.split(['"', '\\']).next()?;
    (!name.is_empty() && !name.contains(' ')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_messages_have_a_mend() {
        let rows = [
            (
                r#"create agent pod failed with reason:"serviceaccounts "buildkit-executor-plugin" not found""#,
                "create the ServiceAccount buildkit-executor-plugin",
            ),
            (r#"pods "x" is forbidden: violates PodSecurity "restricted:latest": …"#, "securityContext"),
            ("no plugin executed the template", "exactly one key"),
            (
                "pods \"x\" is forbidden: exceeded quota: compute, requested: pods=1",
                "raise ResourceQuota compute of",
            ),
            (
                "pods \"x\" is forbidden: maximum cpu usage per Container is 500m",
                "change LimitRange small, or",
            ),
            (
                r#"violates PodSecurity "restricted:latest": (containers "wait", "init" must set …)"#,
                "set executor: {",
            ),
            (
                r#"violates PodSecurity "restricted:latest": (container "main" must set …)"#,
                "of the template's container",
            ),
            (
                r#"Post "http://localhost:4355/api/v1/template.execute": dial tcp: connection refused"#,
                "first containerPort",
            ),
            ("Cannot find end tag=\"}}\" in the template", "without a `}}`"),
        ];
        for (message, expected) in rows {
            assert!(
                mend(message, &["small".to_owned()]).is_some_and(|mend| mend.contains(expected)),
                "{message}"
            );
        }
        assert_eq!(mend("exit status 1", &[]), None);
    }

    #[test]
    fn names_are_found_in_quotes() {
        assert_eq!(quoted_after(r#"secret "a.b" not found"#, "secret "), Some("a.b"));
        assert_eq!(quoted_after(r#"secret \"a.b\" not found"#, "secret "), Some("a.b"));
        assert_eq!(quoted_after("secret is gone", "volume "), None);
    }
}
