//! The hooks of the service's repository: one to Argo Events as the product sets it up, one to Tekton Triggers.

use std::fs;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::cluster::{PATIENCE, apply, apply_folder, eventually, get, gitea, kubectl};
use crate::contender::Contender;
use crate::healthy;
use crate::shop::Shop;
use crate::support::net::until;

/// The secret of both.
const SECRET: &str = "bench-secret";

/// The ids of the hooks, and the repository's API path.
pub(crate) struct Hooks {
    path: String,
    argo: i64,
    tekton: i64,
}

impl Hooks {
    /// Sets up both receivers, and a hook for each. With `waits`, our Workflows wait until Argo CD has deployed the image.
    pub(crate) async fn install(shop: &Shop, waits: bool) -> Self {
        install_argo_events(shop, waits);
        install_triggers(shop);
        let path = format!("/repos/{}/hooks", shop.service.full_name());
        let ours = address("builds", "gitea-eventsource-svc");
        let theirs = address("peers", "el-push");
        let argo = create(&path, &format!("http://{ours}:12000/gitea/gitea-push")).await;
        let tekton = create(&path, &format!("http://{theirs}:8080/")).await;
        Self { path, argo, tekton }
    }

    /// Has Gitea report the branch's head until it has a Workflow, and waits for its end. A Sensor that is ready may not have
    /// subscribed yet, and gets no event of before. The Workflow stays, so that a late report makes none.
    pub(crate) async fn heard(&self) {
        self.only(Contender::AgentOneNode).await;
        let report = format!("{}/{}/tests", self.path, self.argo);
        let there = async || {
            gitea().call(Method::POST, &report, None).await;
            // Not one report after the other, which the Sensor's rate limit would keep for the pushes that are measured.
            let made =
                || (!kubectl(&["get", "workflows", "-n", "builds", "-o", "name"]).is_empty()).then_some(());
            let soon = until(String::new, PATIENCE, async || made());
            tokio::time::timeout(Duration::from_secs(2), soon).await.ok()
        };
        until(|| "the first event at the Sensor".to_owned(), PATIENCE, there).await;
        let ended = || {
            let jsonpath = "jsonpath={.items[*].status.finishedAt}";
            (!kubectl(&["get", "workflows", "-n", "builds", "-o", jsonpath]).is_empty()).then_some(())
        };
        eventually(|| "the end of the first Workflow".to_owned(), PATIENCE, ended);
    }

    /// Lets the next push go to the receiver of `contender` alone.
    pub(crate) async fn only(&self, contender: Contender) {
        let wanted = if contender.is_ours() { self.argo } else { self.tekton };
        for id in [self.argo, self.tekton] {
            let body = json!({"active": id == wanted});
            gitea().call(Method::PATCH, &format!("{}/{id}", self.path), Some(body)).await;
        }
    }
}

async fn create(path: &str, url: &str) -> i64 {
    let config = json!({"url": url, "content_type": "json", "secret": SECRET});
    let hook = json!({"type": "gitea", "active": false, "events": ["push"], "config": config});
    gitea().call(Method::POST, path, Some(hook)).await["id"].as_i64().unwrap()
}

/// Gitea runs on the node, which knows no names of Services.
fn address(namespace: &str, service: &str) -> String {
    let ip = || get(namespace, "service", service)["spec"]["clusterIP"].as_str().map(str::to_owned);
    eventually(|| format!("the Service {service}"), PATIENCE, ip)
}

/// `eventsources/` and `sensors/`, with the settings of the shop.
fn install_argo_events(shop: &Shop, waits: bool) {
    let secret = json!({"secret": SECRET});
    apply(&opaque("gitea-webhook", &secret).to_string());
    let (source, image) = (shop.service.url(), shop.service.image());
    let name = shop.service.full_name();
    let literals = [
        "event-source=gitea".to_owned(),
        format!("repository-names=^{name}$"),
        format!("repositories={}", source.strip_suffix(&format!("{name}.git")).unwrap()),
        format!("images={}", image.strip_suffix(&name).unwrap()),
        "insecure=true".to_owned(),
        format!("gitops-repo={}", shop.gitops.url()),
        "charts=charts/".to_owned(),
        "own-account=^(?i:deploy-bot)$".to_owned(),
    ];
    let mut kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "builds",
        "resources": ["../../eventsources", "../../sensors/base"],
        "components": ["../../sensors/components/settings"],
        "configMapGenerator": [{
            "name": "sensor-settings",
            "options": {
                "disableNameSuffixHash": true,
                "annotations": {"config.kubernetes.io/local-config": "true"},
            },
            "literals": literals,
        }],
    });
    if waits {
        let patch = wait_for_sync().to_string();
        kustomization["patches"] = json!([{"target": {"kind": "Sensor", "name": "push"}, "patch": patch}]);
    }
    apply_folder(&kustomization.to_string());
    for (label, pods) in [("eventsource-name=gitea", "EventSource"), ("sensor-name=push", "Sensor")] {
        let ready = || {
            let jsonpath = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}";
            (kubectl(&["get", "pods", "-n", "builds", "-l", label, "-o", jsonpath]) == "True").then_some(())
        };
        eventually(|| format!("the pod of the {pods}"), PATIENCE, ready);
    }
}

/// Adds parameters to the Workflow of a branch, the Sensor's first trigger.
fn wait_for_sync() -> Value {
    let path = "/spec/triggers/0/template/k8s/source/resource/spec/arguments/parameters/-";
    let add = |(name, value): (&str, &str)| json!({"op": "add", "path": path, "value": {"name": name, "value": value}});
    [("argocd-application", healthy::OURS), ("wait-for-sync", "true")].map(add).into_iter().collect()
}

/// `peers/triggers.yaml`, with the image, the cache and the GitOps repository of the shop.
fn install_triggers(shop: &Shop) {
    let cache = format!("cache-registry.buildkit-cache.svc:5000/cache/{}", shop.service.full_name());
    let text = fs::read_to_string("benches/chain/peers/triggers.yaml").unwrap();
    let text = [("IMAGE", shop.service.image()), ("CACHE", cache), ("GITOPS", shop.gitops.url())]
        .into_iter()
        .fold(text, |text, (name, value)| {
            text.replace(&format!("value: {name}}}"), &format!("value: {value:?}}}"))
        });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, text).unwrap();
    kubectl(&["apply", "--server-side", "-n", "peers", "-f", file.path().to_str().unwrap()]);
    let deployed = || get("peers", "deployment", "el-push")["status"]["readyReplicas"].as_i64();
    eventually(|| "the EventListener".to_owned(), PATIENCE, deployed);
}

fn opaque(name: &str, values: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "builds"},
        "stringData": values,
    })
}
