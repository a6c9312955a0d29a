//! Warnings for installations with several teams: each flaw has its own warning, which disappears when it is mended.

use serde_json::{Value, json};

use super::{Report, Run};
use crate::support::kube::{Identity, Kube};

const FLAG: &str = "--oci-worker-no-process-sandbox";
/// The annotations of a Secret's owner.
const BOUND: [(&str, &str); 2] = [("argo-buildkit.io/hosts", "127.0.0.1:1"), ("argo-buildkit.io/use", "git")];

/// A separate API server, because the cache registry has one name in a cluster, and all namespaces are counted.
async fn two_teams() -> Kube {
    let kube = Kube::start().await;
    for namespace in ["builds", "team-b", "buildkit", "buildkit-cache"] {
        kube.namespace(namespace).await;
    }
    for namespace in ["builds", "team-b"] {
        kube.apply(object("v1", "ServiceAccount", namespace, "buildkit-executor-plugin", json!({}))).await;
    }
    for name in ["both", "reader"] {
        kube.secret_in("builds", name, "kubernetes.io/basic-auth", &[("username", "u"), ("password", "p")])
            .await;
    }
    kube
}

fn object(version: &str, kind: &str, namespace: &str, name: &str, mut more: Value) -> Value {
    more["apiVersion"] = json!(version);
    more["kind"] = json!(kind);
    more["metadata"]["namespace"] = json!(namespace);
    more["metadata"]["name"] = json!(name);
    more
}

fn deployment(namespace: &str, name: &str, container: Value) -> Value {
    let labels = json!({"app": name});
    let mut container = container;
    container["name"] = json!(name);
    container["image"] = json!("example.com/x:1");
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let spec = json!({"spec": {"selector": {"matchLabels": labels}, "template": template}});
    object("apps/v1", "Deployment", namespace, name, spec)
}

async fn report(kube: &Kube, reader: &str) -> Report {
    let (read, write) = (format!("http://127.0.0.1:1/a.git={reader}"), "http://127.0.0.1:1/g.git=both");
    let run = Run::new(&["--namespace", "builds", "--read", &read, "--write", write]);
    let run = run.kubeconfig(&kube.kubeconfig(Identity::Admin));
    run.env("BUILDKIT_HOST", "tcp://buildkitd.buildkit.svc:1234").report().await
}

#[tokio::test]
async fn each_of_five_flaws_is_a_warning_until_it_is_mended() {
    let kube = two_teams().await;
    kube.apply(deployment("buildkit", "buildkitd", json!({"args": [FLAG]}))).await;
    kube.apply(deployment("buildkit-cache", "cache-registry", json!({}))).await;
    let flaws = [
        ("process sandbox of buildkitd", "a RUN reads the secrets and logins of all builds"),
        ("cache registry buildkit-cache/cache-registry", "asks for no login"),
        ("egress of namespace buildkit", "no NetworkPolicy limits it"),
        ("Secret builds/both: one token for two uses", "reads sources and writes a GitOps repository"),
        ("Secret builds/both: is bound to no host and use", "annotate secret both"),
    ];
    let told = report(&kube, "both").await;
    for (subject, words) in flaws {
        let found = told.lines("warn").into_iter().find(|line| line.starts_with(subject));
        assert!(found.is_some_and(|line| line.contains(words)), "{subject}:\n{}", told.text);
    }

    kube.apply(deployment("buildkit", "buildkitd", json!({"args": ["--debug"]}))).await;
    let asks = json!({"env": [{"name": "REGISTRY_AUTH", "value": "htpasswd"}]});
    kube.apply(deployment("buildkit-cache", "cache-registry", asks)).await;
    let spec = json!({"spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": []}});
    kube.apply(object("networking.k8s.io/v1", "NetworkPolicy", "buildkit", "default-deny", spec)).await;
    let annotations: serde_json::Map<_, _> =
        BOUND.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    for name in ["both", "reader"] {
        let more = json!({"metadata": {"annotations": annotations}, "type": "kubernetes.io/basic-auth"});
        kube.apply(object("v1", "Secret", "builds", name, more)).await;
    }
    let told = report(&kube, "reader").await;
    let left = told.lines("warn");
    for (subject, _) in flaws {
        assert!(!left.iter().any(|line| line.starts_with(subject)), "{subject}:\n{}", told.text);
    }
}
