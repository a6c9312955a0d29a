//! Requirements for the shared agent only: no pod runs for a workflow, it serves some namespaces and not others, its
//! messages to a tenant, and the way back to sidecars. In the other mode these tests check nothing.

use serde_json::Value;

use crate::alone::doctor;
use crate::cluster::{PATIENCE, attempt, eventually, get, kubectl};
use crate::install;
use crate::mode::agent_log;
use crate::pool::POOLED;
use crate::shop::Shop;
use crate::tenants::{copy_secrets, curious, namespace_of_workflows};
use crate::workflow::{BUILDS, Workflow};

/// Whether a pod waits behind the gate.
pub(crate) fn is_gated(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    pod["status"]["phase"] == "Pending" && conditions.iter().any(|c| c["reason"] == "SchedulingGated")
}

#[tokio::test]
async fn no_pod_runs_for_a_workflow() {
    let shop = Shop::open("FROM BASE\nRUN sleep 3\n").await;
    let workflow = shop.submit("build-push", &[]);
    let mut seen = Vec::new();
    let ended = || {
        seen.extend(workflow.agent());
        (workflow.object()["status"]["finishedAt"].is_string()).then_some(())
    };
    eventually(|| format!("the end of {}", workflow.report()), PATIENCE, ended);
    workflow.succeeds();
    assert!(!seen.is_empty(), "the gate has nothing to hold");
    for pod in &seen {
        let ending = pod["metadata"]["deletionTimestamp"].is_string();
        assert!(is_gated(pod) || ending && pod["spec"]["nodeName"].is_null(), "{pod:#}");
    }
}

#[tokio::test]
async fn a_namespace_without_the_label_keeps_its_sidecars() {
    let shop = Shop::open("FROM BASE\nRUN sleep 3\n").await;
    namespace_of_workflows("sidecars");
    copy_secrets("sidecars", &["gitea-credentials", "buildkit-client-tls"]);
    let workflow = Workflow::create("sidecars", &curious(&shop));
    let runs = || workflow.agent().filter(|pod| pod["status"]["phase"] == "Running");
    let pod = eventually(|| format!("the agent pod of {}", workflow.report()), PATIENCE, runs);
    let containers = pod["spec"]["containers"].as_array().unwrap();
    assert!(containers.iter().any(|c| c["name"] == "buildkit"), "{pod:#}");
    workflow.succeeds();
    assert!(!agent_log().contains(&workflow.name), "the shared agent leaves it alone");
}

/// The namespace `tenant` is served, and has no Secrets of its own.
#[tokio::test]
async fn a_tenant_is_told_what_it_may_not() {
    let shop = Shop::open("FROM BASE\n").await;
    let told = |yaml: &str, wanted: &str| {
        let workflow = Workflow::create("tenant", yaml);
        assert_ne!(workflow.end(), "Succeeded", "{}", workflow.report());
        let message = workflow.node()["message"].to_string();
        assert!(message.contains(wanted), "{message}");
    };
    told(&curious(&shop), "secret `gitea-credentials` does not exist in namespace `tenant`");
    let elsewhere = curious(&shop).replace(&shop.service.url(), "https://git.example.com/shop/api.git");
    told(&elsewhere, "namespace `tenant` may not use the Git repository `https://git.example.com/shop/api`");
    let push = format!("tags: [\"{}:1\"]", shop.image());
    told(&curious(&shop).replace("push: false", &push), "namespace `tenant` may not push to");
}

/// Argo keeps the task of a stopped node while an exit handler runs. A result that came then would change the ended
/// node.
#[tokio::test]
async fn a_stopped_node_stays_failed_while_an_exit_handler_runs() {
    let shop = Shop::open("FROM BASE\nRUN sleep 8\n").await;
    let workflow = Workflow::create(BUILDS, &with_exit_handler(&shop));
    workflow.says("RUN sleep 8");
    attempt("argo", &["stop", "-n", BUILDS, &workflow.name]).unwrap();
    assert_eq!(workflow.end(), "Failed", "{}", workflow.report());
    let nodes = workflow.object()["status"]["nodes"].as_object().unwrap().clone();
    let phases = |template: &str| {
        nodes
            .values()
            .filter(|n| n["templateName"] == template)
            .map(|n| n["phase"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((phases("build"), phases("after")), (vec!["Failed".into()], vec!["Succeeded".into()]));
}

fn with_exit_handler(shop: &Shop) -> String {
    let step = "plugin: {buildkit: {build: {context: {repo: REPO, revision: main, secret: gitea-credentials}, push: false}}}";
    let step = step.replace("REPO", &shop.service.url());
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{generateName: exits-}}
spec:
  entrypoint: build
  onExit: after
  serviceAccountName: buildkit-workflow
  templates:
  - name: build
    {step}
  - name: after
    {step}
"
    )
}

/// Nothing runs such a template without agent pods: docs/agent.md says so.
#[tokio::test]
async fn an_http_template_stays_pending_which_check_explains() {
    install::site().await;
    let yaml = "
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: http-}
spec:
  entrypoint: ask
  serviceAccountName: buildkit-workflow
  templates:
  - name: ask
    http: {url: http://10.244.0.1:3000/api/healthz}
";
    let workflow = Workflow::create(BUILDS, yaml);
    eventually(|| workflow.report(), PATIENCE, || workflow.agent().filter(is_gated));
    assert_eq!(workflow.phase().0, "Running", "{}", workflow.report());
    let said = doctor::check(&[&workflow.name]);
    assert!(said.contains("is an `http` template, which the shared agent does not execute"), "{said}");
    attempt("argo", &["stop", "-n", BUILDS, &workflow.name]).unwrap();
    assert_eq!(workflow.end(), "Failed", "{}", workflow.report());
}

/// The run with sidecars has left a second namespace with a certificate.
#[tokio::test]
async fn the_switch_renews_the_certificate_of_every_namespace() {
    install::site().await;
    let authority = |namespace: &str, name: &str| get(namespace, "secret", name)["data"]["ca.crt"].clone();
    let own = authority("buildkit", "buildkitd-tls");
    let named = ["get", "secret", "-A", "--field-selector", "metadata.name=buildkit-client-tls"];
    let namespaces = kubectl(&[&named[..], &["-o", "jsonpath={.items[*].metadata.namespace}"]].concat());
    let has_own_daemon = |namespace: &&str| namespace.starts_with("buildkit-b") || *namespace == POOLED;
    for namespace in namespaces.split(' ').filter(|namespace| !has_own_daemon(namespace)) {
        assert_eq!(authority(namespace, "buildkit-client-tls"), own, "{namespace} of {namespaces}");
    }
}
