//! `refresh` of `update-manifest`: Argo CD's Application is annotated after the commit. If that fails, the step still
//! succeeds.

use serde_json::{Value, json};

use crate::support::argocd::Applications;
use crate::support::kube::{Identity, Kube};
use crate::support::net::{free_port, unique};
use crate::support::plugin::{Setup, expect_phase, output};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::{Shop, template};

async fn setup() -> Setup {
    let kubeconfig = Kube::shared().await.kubeconfig(Identity::Plugin).display().to_string();
    Setup::new(shared_buildkitd().address()).env("KUBECONFIG", &kubeconfig)
}

/// The node of a commit of `tag`, with this `refresh`.
async fn commit(shop: &Shop, tag: &str, refresh: Value) -> Value {
    let update = shop.update(json!({"image.tag": tag}), json!({"refresh": refresh}));
    let node = shop.plugin.node(&template(update)).await;
    expect_phase(&node, "Succeeded");
    let values = shop.gitops.read("main", "chart/values.yaml").await.unwrap();
    assert!(values.contains(tag), "{values}");
    node
}

/// The message of a step whose refresh failed.
async fn not_refreshed(shop: &Shop, application: &str) -> String {
    let node = commit(shop, &unique("v"), json!(application)).await;
    assert_eq!((output(&node, "changed"), output(&node, "refreshed")), ("true".into(), "false".into()));
    let message = node["message"].as_str().unwrap().to_owned();
    let (committed, why) =
        message.split_once("; Argo CD was not refreshed: ").unwrap_or_else(|| panic!("{message}"));
    assert!(committed.starts_with("committed "), "{message}");
    let log = shop.plugin.log();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains(why)), "{log}");
    why.to_owned()
}

#[tokio::test]
async fn an_application_is_refreshed_after_a_commit_and_only_then() {
    let (applications, name) = (Applications::shared().await, unique("app"));
    applications.create(&name).await;
    applications.allow(&name).await;
    let shop = Shop::with(setup().await.start(), "FROM BASE\n").await;
    let node = commit(&shop, "1.0.1", json!({"application": name, "namespace": "argocd"})).await;
    assert_eq!(output(&node, "refreshed"), "true");
    assert_eq!(applications.refresh(&name).await.as_deref(), Some("normal"));
    let message = node["message"].as_str().unwrap();
    assert!(message.ends_with(&format!("; refreshed Argo CD's `{name}`")), "{message}");

    applications.compared(&name).await;
    let node = commit(&shop, "1.0.1", json!(name)).await;
    assert_eq!((output(&node, "changed"), output(&node, "refreshed")), ("false".into(), String::new()));
    assert_eq!(applications.refresh(&name).await, None);
    let node = commit(&shop, "1.0.2", json!(name)).await;
    assert_eq!(output(&node, "refreshed"), "true");
    assert_eq!(applications.refresh(&name).await.as_deref(), Some("normal"));
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    assert!(metrics.contains("argo_buildkit_argocd_refreshes_total{result=\"refreshed\"} 2"), "{metrics}");
}

#[tokio::test]
async fn an_application_that_is_missing_or_forbidden_costs_no_commit() {
    let (applications, name) = (Applications::shared().await, unique("app"));
    let shop = Shop::with(setup().await.start(), "FROM BASE\n").await;
    applications.create(&name).await;
    let why = not_refreshed(&shop, &name).await;
    let role = format!(
        "grant it patch on `applications` of API group argoproj.io (a Role in that namespace with resourceNames: [{name}])"
    );
    assert!(
        why.contains("in namespace `argocd` is forbidden to the plugin's ServiceAccount")
            && why.contains(&role),
        "{why}"
    );
    assert_eq!(applications.refresh(&name).await, None);
    let missing = unique("missing");
    applications.allow(&missing).await;
    let why = not_refreshed(&shop, &missing).await;
    assert!(why.starts_with(&format!("there is no Application `{missing}` in namespace `argocd`")), "{why}");
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    assert!(metrics.contains("argo_buildkit_argocd_refreshes_total{result=\"failed\"} 2"), "{metrics}");
}

#[tokio::test]
async fn without_a_cluster_or_with_one_that_is_away_the_commit_counts() {
    let shop = Shop::with(Setup::new(shared_buildkitd().address()).start(), "FROM BASE\n").await;
    let why = not_refreshed(&shop, "api").await;
    assert!(why.starts_with("no Kubernetes API is configured") && why.contains("set KUBECONFIG"), "{why}");

    let files = tempfile::tempdir().unwrap();
    let kubeconfig = files.path().join("away.kubeconfig");
    let cluster = json!({"server": format!("http://127.0.0.1:{}", free_port())});
    let away = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "away", "users": [{"name": "away", "user": {}}],
        "clusters": [{"name": "away", "cluster": cluster}],
        "contexts": [{"name": "away", "context": {"cluster": "away", "user": "away"}}],
    });
    std::fs::write(&kubeconfig, away.to_string()).unwrap();
    let setup = Setup::new(shared_buildkitd().address()).env("KUBECONFIG", &kubeconfig.display().to_string());
    let shop = Shop::with(setup.start(), "FROM BASE\n").await;
    let why = not_refreshed(&shop, "api").await;
    assert!(why.starts_with("patching the Application `api` in namespace `argocd` failed"), "{why}");
    assert!(shop.plugin.log().contains("refreshing Argo CD failed, trying again"), "it was tried again");
}
