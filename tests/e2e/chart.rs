//! deploy/chart: Helm installs a second release beside the installation, upgrades it and removes it.

use serde_json::{Value, json};

use crate::cluster::{NODE, apply, attempt, get, kubectl};
use crate::install;
use crate::workflow::BUILDS;

const AGENT: &str = "chart-agent";
const WORKFLOWS: &str = "chart-builds";

/// A shared agent for a namespace of its own, which uses the buildkitd of the installation.
fn values() -> String {
    let values = json!({
        "fullnameOverride": "chart",
        "image": {"repository": format!("{NODE}:5000/argo-buildkit"), "tag": "e2e"},
        "argo": {"pluginForm": false},
        "sidecar": {"enabled": false},
        "workflows": {"namespaces": [WORKFLOWS]},
        "buildkitd": {"enabled": false, "address": "tcp://buildkitd.buildkit.svc:1234"},
        "cacheRegistry": {"enabled": false},
        "agent": {"enabled": true, "namespace": AGENT, "replicas": 1},
    });
    values.to_string()
}

fn helm(arguments: &[&str]) -> String {
    let arguments = [arguments, &["--namespace", "argo"]].concat();
    attempt("helm", &arguments).unwrap_or_else(|error| panic!("helm {arguments:?}: {error}"))
}

fn upgrade(options: &[&str]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, values()).unwrap();
    let arguments =
        ["upgrade", "--install", "chart", "deploy/chart", "--values", file.path().to_str().unwrap()];
    helm(&[&arguments[..], options].concat())
}

/// The client's certificate of the installation, for the agent.
fn copy_certificate() {
    let secret = get(BUILDS, "secret", "buildkit-client-tls");
    let metadata = json!({"name": "buildkit-client-tls", "namespace": AGENT});
    let copy = json!({
        "apiVersion": "v1", "kind": "Secret", "type": secret["type"], "data": secret["data"], "metadata": metadata,
    });
    apply(&copy.to_string());
}

fn rolled_out() -> Value {
    kubectl(&["-n", AGENT, "rollout", "status", "deployment/buildkit-agent", "--timeout=3m"]);
    get(AGENT, "deployment", "buildkit-agent")["spec"]["template"]["metadata"]["annotations"].clone()
}

#[tokio::test]
async fn helm_installs_upgrades_and_removes_a_release() {
    install::site().await;
    let notes = upgrade(&[]);
    assert!(notes.contains("argo-buildkit check --namespace chart-builds"), "{notes}");
    copy_certificate();
    let installed = rolled_out();

    upgrade(&["--set", "agent.settings.ARGO_BUILDKIT_MAX_RUNNING=7"]);
    assert_eq!(get(AGENT, "configmap", "buildkit-agent-settings")["data"]["ARGO_BUILDKIT_MAX_RUNNING"], "7");
    assert_ne!(rolled_out(), installed, "changed settings restart the agent");

    helm(&["uninstall", "chart", "--wait"]);
    assert_eq!(get(AGENT, "deployment", "buildkit-agent"), Value::Null);
    assert_eq!(get("", "clusterrole", "chart-argo-workflowtasksets-status"), Value::Null);
    for namespace in [AGENT, WORKFLOWS] {
        assert_eq!(get("", "namespace", namespace)["status"]["phase"], "Active", "it is kept");
        kubectl(&["delete", "namespace", namespace, "--timeout=3m"]);
    }
}
