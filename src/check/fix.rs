//! Commands that mend a finding. They are printed, and never run here.
//!
//! An administrator may paste them into a shell, and some names in them come from objects that tenants write. So a command is made
//! only of names that Kubernetes takes: letters, digits, `-`, `.`, and none that a program would take for an option.

use crate::kube::Account;

/// The most characters of a name (Kubernetes: "DNS Subdomain Names").
const LONGEST: usize = 253;

/// A rule of a Role, for one resource.
pub(super) struct Rule<'a> {
    /// The API group; empty for the core.
    pub(super) group: &'a str,
    /// The resource, such as `workflowtasksets/status`.
    pub(super) resource: &'a str,
    /// The only object.
    pub(super) name: Option<&'a str>,
    /// What is allowed.
    pub(super) verbs: &'a [&'a str],
}

/// Creates a namespace.
pub(super) fn namespace(name: &str) -> Option<String> {
    is_name(name).then(|| format!("kubectl create namespace {name}"))
}

/// Sets a variable of a Deployment.
pub(super) fn variable(namespace: &str, deployment: &str, name: &str, value: &str) -> Option<String> {
    let are_names = is_name(namespace) && is_name(deployment);
    are_names.then(|| format!("kubectl -n {namespace} set env deployment/{deployment} {name}={value}"))
}

/// Creates `account`.
pub(super) fn service_account(account: &Account) -> Option<String> {
    let Account { namespace, name } = account;
    is_account(account).then(|| {
        applied(&format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {namespace}}}"
        ))
    })
}

/// Creates the Secret `secret` with a token of `account`.
pub(super) fn token(account: &Account, secret: &str) -> Option<String> {
    let Account { namespace, name } = account;
    let are_names = is_account(account) && is_name(secret);
    are_names.then(|| {
        applied(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {secret}\n  namespace: {namespace}\n  annotations: \
             {{kubernetes.io/service-account.name: {name}}}\ntype: kubernetes.io/service-account-token"
        ))
    })
}

/// Deletes the Secret `secret`, for the one that is created in its place.
pub(super) fn replaced_token(account: &Account, secret: &str) -> Option<String> {
    let created = token(account, secret)?;
    Some(format!("kubectl -n {} delete secret {secret}\n{created}", account.namespace))
}

/// Binds `account` to a Role in `namespace` with `rule`.
pub(super) fn role(account: &Account, namespace: &str, rule: &Rule<'_>) -> Option<String> {
    let resource = rule.resource.replace('/', "-");
    // With the verbs, because an account may need the same resource for two reasons.
    let parts =
        [account.name.as_str(), &resource].into_iter().chain(rule.name).chain(rule.verbs.iter().copied());
    let name = parts.collect::<Vec<_>>().join("-");
    if !is_account(account) || !is_name(namespace) || !is_name(&name) || !rule.name.is_none_or(is_name) {
        return None;
    }
    let only = rule.name.map(|name| format!(", resourceNames: [{name}]")).unwrap_or_default();
    let Rule { group, resource, verbs, .. } = rule;
    let (verbs, metadata) = (verbs.join(", "), format!("metadata: {{name: {name}, namespace: {namespace}}}"));
    let api = "rbac.authorization.k8s.io";
    Some(applied(&format!(
        "apiVersion: {api}/v1\nkind: Role\n{metadata}\nrules: [{{apiGroups: [\"{group}\"], resources: [{resource}]{only}, \
         verbs: [{verbs}]}}]\n---\napiVersion: {api}/v1\nkind: RoleBinding\n{metadata}\nroleRef: {{apiGroup: {api}, kind: Role, \
         name: {name}}}\nsubjects: [{{kind: ServiceAccount, name: {}, namespace: {}}}]",
        account.name, account.namespace
    )))
}

/// Applies objects.
fn applied(yaml: &str) -> String {
    format!("kubectl apply --server-side -f - <<'YAML'\n{yaml}\nYAML")
}

fn is_account(account: &Account) -> bool {
    is_name(&account.namespace) && is_name(&account.name)
}

fn is_name(name: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let ends = [name.as_bytes().first(), name.as_bytes().last()];
    let mut ends = ends.into_iter().flatten();
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_inner) && ends.all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::Value;

    use super::*;

    const RULE: Rule<'static> =
        Rule { group: "argoproj.io", resource: "workflowtasksets/status", name: None, verbs: &["patch"] };

    fn objects(command: &str) -> Vec<Value> {
        let yaml = command.split_once("<<'YAML'\n").unwrap().1.strip_suffix("\nYAML").unwrap();
        serde_saphyr::from_multiple(yaml).unwrap()
    }

    #[test]
    fn objects_are_whole() {
        let account = Account::new("builds", "buildkit-workflow");
        let bound = objects(&role(&account, "builds", &RULE).unwrap());
        let (role, binding) = (&bound[0], &bound[1]);
        assert_eq!(role["rules"][0]["resources"][0], "workflowtasksets/status");
        assert_eq!(role["metadata"]["name"], "buildkit-workflow-workflowtasksets-status-patch");
        assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
        assert_eq!(binding["subjects"][0]["name"], "buildkit-workflow");
        let secret = &objects(&token(&account, "buildkit-workflow.service-account-token").unwrap())[0];
        let annotation = "kubernetes.io/service-account.name";
        assert_eq!(secret["metadata"]["annotations"][annotation], "buildkit-workflow");
        assert_eq!(objects(&service_account(&account).unwrap())[0]["kind"], "ServiceAccount");
    }

    /// A tenant chooses the value of an annotation that names a Secret.
    #[test]
    fn no_name_leaves_its_place_in_the_command() {
        for evil in [
            "x; rm -rf ~",
            "$(id)",
            "x\nYAML\nid",
            "--all",
            "-n",
            "x}",
            "",
            "A",
            ".x",
            "x y",
            &"x".repeat(254),
        ] {
            let (account, good) = (Account::new("builds", evil), Account::new("builds", "a"));
            assert_eq!(service_account(&account), None, "{evil}");
            assert_eq!(service_account(&Account::new(evil, "a")), None, "{evil}");
            assert_eq!(token(&good, evil), None, "{evil}");
            assert_eq!(replaced_token(&good, evil), None, "{evil}");
            assert_eq!(role(&good, evil, &RULE), None, "{evil}");
            assert_eq!(role(&good, "builds", &Rule { name: Some(evil), ..RULE }), None, "{evil}");
            assert_eq!(namespace(evil), None, "{evil}");
            assert_eq!(variable("argo", evil, "A", "1"), None, "{evil}");
        }
    }
}
