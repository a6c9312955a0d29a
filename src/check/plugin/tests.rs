#![expect(clippy::unwrap_used, reason = "tests")]

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::*;

const GOOD: &str = "
name: buildkit
image: registry.example.com/tools/argo-buildkit:0.1.0
args: [serve]
envFrom: [{configMapRef: {name: buildkit-settings, optional: true}}]
ports: [{containerPort: 4355}]
resources: {requests: {cpu: 50m}, limits: {cpu: 1}}
securityContext:
  runAsNonRoot: true
  runAsUser: 8737
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
";

fn plugin(namespace: &str, name: &str, container: &str) -> Plugin {
    let map: ConfigMap = serde_json::from_value(json!({
        "metadata": {"namespace": namespace, "name": name},
        "data": {"sidecar.container": container, "sidecar.automountServiceAccountToken": "true"},
    }))
    .unwrap();
    Plugin::parse(map)
}

fn said(plugins: Vec<Plugin>) -> String {
    let found = judge(&[Ok(plugins)], &Site::example(), None);
    found.iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn a_good_plugin_is_known_with_its_account() {
    let plugin = plugin("argo", OUR_NAME, GOOD);
    assert!(plugin.is_ours() && plugin.mounts_token && plugin.unrestricted().is_empty());
    assert_eq!(plugin.account("builds").to_string(), "builds/buildkit-executor-plugin");
    assert_eq!(
        said(vec![plugin]),
        "ok   plugin ConfigMap argo/buildkit-executor-plugin: image registry.example.com/tools/argo-buildkit:0.1.0, user 8737\n"
    );
}

#[test]
fn what_argo_or_its_token_refuses_is_said() {
    let rows = [
        ("name: buildkit", "name: main", "the container's name is `main`"),
        ("limits: {cpu: 1}", "limits: {}", "no resources.limits"),
        ("runAsUser: 8737", "runAsUser: 65532", "runs as user 65532, who cannot read /var/run/argo/token"),
        (
            "args: [serve]",
            "args: [serve, '--listen=127.0.0.1:80']",
            "Argo calls the first port, 4355, and `serve` listens on 80",
        ),
        ("args: [serve]", "args: [serve, --listen, '127.0.0.1:4400']", "listens on 4400"),
        ("args: [serve]", "args: [serve, '--listen=127.0.0.1:4400']", "listens on 4400"),
        ("ports: [{containerPort: 4355}]", "ports: []", "no ports"),
        ("name: buildkit", "name: [", "is not a container"),
        ("securityContext:", "lifecycle:", "no securityContext"),
        ("registry.example.com/tools/", "ghcr.io/argo-buildkit/", "argo-buildkit:0.1.0 is a placeholder"),
    ];
    for (good, bad, expected) in rows {
        let container = GOOD.replace(good, bad);
        assert_ne!(container, GOOD, "{good}");
        let said = said(vec![plugin("argo", OUR_NAME, &container)]);
        assert!(said.contains("FAIL") && said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn its_settings_come_from_where_the_container_says() {
    let container =
        GOOD.replace("args: [serve]", "args: [serve, --tls-secret=tls]\nenv: [{name: A, value: b}]");
    let plugin = plugin("argo", OUR_NAME, &container);
    let sidecar = plugin.container.as_ref().unwrap();
    let sources: Vec<_> = sidecar.sources().map(|source| (source.name.as_str(), source.optional)).collect();
    assert_eq!(sources, [("buildkit-settings", true)]);
    let own = sidecar.own_settings();
    let own: Vec<_> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(own, [("A", "b"), ("ARGO_BUILDKIT_TLS_SECRET", "tls")]);
}

#[test]
fn restricted_wants_more_than_argo() {
    let bare = GOOD.replace("capabilities: {drop: [ALL]}", "").replace("allowPrivilegeEscalation: false", "");
    let wanted = plugin("argo", OUR_NAME, &bare).unrestricted();
    assert_eq!(wanted, ["allowPrivilegeEscalation: false", "capabilities: {drop: [ALL]}"]);
}

#[test]
fn no_plugin_or_two_are_said() {
    let hello = plugin("argo", "hello-executor-plugin", "{name: hello, image: hello}");
    insta::assert_snapshot!(said(vec![hello]), @r#"FAIL plugin ConfigMap: no ConfigMap with the label workflows.argoproj.io/configmap-type=ExecutorPlugin in argo or builds runs argo-buildkit (there are others: hello-executor-plugin), so nodes end with "no plugin executed the template"; apply buildkit-executor-plugin to argo"#);
    let two = vec![plugin("argo", OUR_NAME, GOOD), plugin("builds", OUR_NAME, GOOD)];
    assert!(said(two).contains("delete one"));
}

#[test]
fn what_may_not_be_read_is_skipped() {
    let read = [Err(ReadError::Forbidden("list configmaps in namespace argo".to_owned())), Ok(Vec::new())];
    insta::assert_snapshot!(judge(&read, &Site::example(), None)[0].to_string(), @r#"skip plugin ConfigMap: this login may not list configmaps in namespace argo; run `check` as a login that may, or grant it to this one"#);
}
