//! Messages of Argo and Kubernetes that have one cause, and what mends it.

/// What to do about `message`, if it is a known one.
pub(super) fn mend(message: &str) -> Option<String> {
    if let Some(name) = quoted_after(message, "serviceaccounts ").filter(|_| message.contains("not found")) {
        return Some(format!(
            "create the ServiceAccount {name} in the workflow's namespace, and its token Secret \
             {name}.service-account-token"
        ));
    }
    let known = [
        (
            "violates PodSecurity",
            "set what it lists in the plugin's securityContext (ConfigMap), or relax the namespace's \
             pod-security.kubernetes.io/enforce label",
        ),
        (
            "exceeded quota",
            "raise the namespace's ResourceQuota, or lower the requests in the plugin's ConfigMap",
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
            "the agent's pod died (evicted, or its node went away); submit the workflow again",
        ),
        ("ImagePullBackOff", "check the image's name and that the namespace may pull it (imagePullSecrets)"),
        ("ErrImagePull", "check the image's name and that the namespace may pull it (imagePullSecrets)"),
        ("Unschedulable", "free resources or add a node, or correct the node selector"),
    ];
    known.iter().find(|(words, _)| message.contains(words)).map(|(_, mend)| (*mend).to_owned())
}

/// The name in the quotes, plain or escaped, that follow `words`.
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
            ("pods \"x\" is forbidden: exceeded quota: compute", "ResourceQuota"),
        ];
        for (message, expected) in rows {
            assert!(mend(message).is_some_and(|mend| mend.contains(expected)), "{message}");
        }
        assert_eq!(mend("exit status 1"), None);
    }

    #[test]
    fn names_are_found_in_quotes() {
        assert_eq!(quoted_after(r#"secret "a.b" not found"#, "secret "), Some("a.b"));
        assert_eq!(quoted_after(r#"secret \"a.b\" not found"#, "secret "), Some("a.b"));
        assert_eq!(quoted_after("secret is gone", "volume "), None);
    }
}
