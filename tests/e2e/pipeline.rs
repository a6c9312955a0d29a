//! The path of a commit: workflow, image, manifest commit, Argo CD, a pod that runs the new digest.

use serde_json::Value;

use crate::cluster::{PATIENCE, apply, eventually, get, kubectl, list, pushed_digest};
use crate::install;
use crate::shop::Shop;

#[tokio::test]
async fn the_commands_of_the_docs_lead_to_the_first_build() {
    let site = install::site().await;
    let commits = site.gitops.commits("main").await;
    assert_eq!(commits.len(), 2, "{}", site.said);
    let values = site.gitops.read("main", "chart/values.yaml").await.unwrap();
    let digest = pushed_digest(&site.service.full_name(), "latest").await;
    assert!(values.contains(&digest), "{digest} in {values}");
    assert!(site.said.contains("Succeeded"), "{}", site.said);
}

#[tokio::test]
async fn a_commit_becomes_a_pod_that_runs_the_new_digest() {
    let shop = Shop::open("FROM BASE\nCOPY main.txt /\n").await;
    application(&shop.name(), &shop.gitops.url(), "app").await;
    let rule = ["--verb=patch", "--resource=applications.argoproj.io"];
    let (name, own) = (shop.name(), format!("--resource-name={}", shop.name()));
    // A user writes this into an overlay. The name is known only now.
    kubectl(&[&["create", "role", &name, "-n", "argocd", &own], &rule[..]].concat());
    let (role, account) = (format!("--role={name}"), "--serviceaccount=builds:buildkit-executor-plugin");
    kubectl(&["create", "rolebinding", &name, "-n", "argocd", &role, account]);
    for template in ["ci-cd-buildkit-deploy", "ci-cd-buildkit-deploy-two-nodes"] {
        let commit = shop.service.commit_file("main", "main.txt", template, template).await;
        let refresh = [("revision", commit.as_str()), ("argocd-application", &shop.name())];
        let outputs = shop.submit(template, &refresh).succeeds();
        assert_eq!(outputs.get("refreshed"), "true", "{outputs:?}");
        let digest = outputs.get("digest");
        let pod = eventually(
            || {
                format!(
                    "a ready pod of {} with {digest}: {:#?}",
                    shop.name(),
                    get("argocd", "application", &shop.name())["status"]
                )
            },
            PATIENCE,
            || ready_pod(&shop.name(), digest),
        );
        assert_eq!(pod["metadata"]["namespace"], "shops");
        assert_eq!(shop.gitops.head("main").await, outputs.get("commit"));
    }
}

/// A ready pod of the application, whose container has `digest`.
pub(crate) fn ready_pod(app: &str, digest: &str) -> Option<Value> {
    let ready = |pod: &Value| {
        let status = &pod["status"]["containerStatuses"][0];
        status["ready"] == true
            && pod["spec"]["containers"][0]["image"].as_str().is_some_and(|i| i.contains(digest))
    };
    list("shops", "pod", &format!("app={app}")).into_iter().find(ready)
}

const REFRESH: &str = "argocd.argoproj.io/refresh";

/// The Application `name` of a folder of a GitOps repository, which syncs automatically.
pub(crate) async fn application(name: &str, url: &str, path: &str) {
    let owner = &install::site().await.ops;
    let token = crate::cluster::gitea().token(owner, &["read:repository"]).await;
    apply(&format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: argocd, labels: {{argocd.argoproj.io/secret-type: repository}}}}
stringData: {{type: git, url: \"{url}\", username: \"{owner}\", password: \"{token}\"}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd}}
spec:
  project: default
  source: {{repoURL: \"{url}\", path: {path}, targetRevision: main}}
  destination: {{server: https://kubernetes.default.svc, namespace: shops}}
  syncPolicy:
    automated: {{prune: true, selfHeal: true}}
    syncOptions: [CreateNamespace=true]
"
    ));
    becomes(name, |status| status["sync"]["status"] == "Synced");
}

/// Waits until the status of an Application is as `wanted`.
pub(crate) fn becomes(name: &str, wanted: impl Fn(&Value) -> bool) {
    let is_there = || {
        let found = get("argocd", "application", name);
        let (status, annotations) = (&found["status"], &found["metadata"]["annotations"]);
        // After an error Argo CD looks again in 3 minutes only. A loaded API server gives it one.
        if status["conditions"][0].is_object() && annotations[REFRESH].is_null() {
            kubectl(&["annotate", "-n", "argocd", "application", name, &format!("{REFRESH}=normal")]);
        }
        wanted(status).then_some(())
    };
    let status = || format!("another status of {name}: {}", get("argocd", "application", name)["status"]);
    eventually(status, PATIENCE, is_there);
}
