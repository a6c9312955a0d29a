//! Several workflows at the same time, several namespaces, and wrong logins.

use serde_json::json;

use crate::cluster::{NODE, apply, apply_folder, attempt, get, gitea, kubectl};
use crate::install;
use crate::shop::Shop;
use crate::workflow::{BUILDS, Workflow};

#[tokio::test]
async fn eight_workflows_at_once_all_build_and_commit() {
    let shop = Shop::open("FROM BASE\nCOPY main.txt /\n").await;
    let mut workflows = Vec::new();
    for number in 1..=8 {
        let text = format!("{number}\n");
        let commit = shop.service.commit_file("main", "main.txt", &text, &format!("change {number}")).await;
        // Each has its own line, so that they do not wait for each other.
        let branch = format!("b{number}");
        shop.service.branch(&branch, "main").await;
        workflows.push(shop.submit("ci-cd-buildkit-deploy", &[("revision", &commit), ("git-ref", &branch)]));
    }
    let mut digests = Vec::new();
    for workflow in &workflows {
        let outputs = workflow.succeeds();
        assert!(outputs.get("changed") == "true" || !outputs.get("superseded-by").is_empty(), "{outputs:?}");
        digests.push(outputs.get("digest").to_owned());
    }
    let manifest = shop.gitops.read("main", "app/deployment.yaml").await.unwrap();
    assert!(manifest.contains(&digests[7]), "the newest commit's image is deployed: {digests:?}\n{manifest}");
}

#[tokio::test]
async fn a_wrong_registry_password_is_told_by_the_node() {
    let shop = Shop::open("FROM BASE\nRUN echo never pushed\n").await;
    let config = gitea().docker_config_json(&install::site().await.owner, "wrong");
    let secret = format!("--from-literal=.dockerconfigjson={config}");
    let kind = "--type=kubernetes.io/dockerconfigjson";
    kubectl(&["-n", BUILDS, "create", "secret", "generic", "registry-wrong", kind, &secret]);
    may_use(BUILDS, "registry-wrong");
    let workflow = shop.submit("ci-cd-buildkit-deploy", &[("registry-secret", "registry-wrong")]);
    assert_eq!(workflow.end(), "Failed", "{}", workflow.report());
    let message = workflow.node()["message"].to_string();
    assert!(message.contains("10.244.0.1:3000 refused the login (401, as user"), "{message}");
    kubectl(&["-n", BUILDS, "delete", "secret", "registry-wrong"]);
}

/// A namespace like `builds`, made from the same folder.
const NAMESPACE: &str = r#"
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: NAME
resources: [../../deploy/base/builds]
patches:
- target: {kind: ConfigMap, name: buildkit-settings}
  patch: |-
    - {op: add, path: /data/ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS, value: "true"}
"#;

#[tokio::test]
async fn another_namespace_reaches_neither_secrets_nor_buildkitd() {
    let shop = Shop::open("FROM BASE\nRUN echo private\n").await;
    shop.submit("build-push", &[]).succeeds();
    let namespace = format!("team-b-{}", std::process::id());
    namespace_of_workflows(&namespace);
    let account = format!("system:serviceaccount:{namespace}:buildkit-executor-plugin");
    for secret in ["gitea-credentials", "buildkit-client-tls", "git-write-back"] {
        let may = attempt(
            "kubectl",
            &["auth", "can-i", "get", &format!("secret/{secret}"), "-n", BUILDS, "--as", &account],
        );
        assert!(may.is_err(), "{account} may read {secret} of {BUILDS}");
    }
    let curious = curious(&shop);
    let says = |wanted: &str| {
        let workflow = Workflow::create(&namespace, &curious);
        assert_ne!(workflow.end(), "Succeeded", "{}", workflow.report());
        let message = workflow.node()["message"].to_string();
        assert!(message.contains(wanted), "{message}");
    };
    says(&format!("secret `gitea-credentials` does not exist in namespace `{namespace}`"));
    // It has a login, but no client certificate, so it cannot ask buildkitd for the results of others.
    let token = gitea().token(&install::site().await.owner, &["read:repository"]).await;
    let login = ["--from-literal=username=x", &format!("--from-literal=password={token}")];
    kubectl(&[&["-n", &namespace, "create", "secret", "generic", "gitea-credentials"], &login[..]].concat());
    let bound = [&format!("argo-buildkit.io/hosts={NODE}:3000"), "argo-buildkit.io/use=git"];
    kubectl(&[&["-n", &namespace, "annotate", "secret/gitea-credentials"], &bound[..]].concat());
    says(&format!("which --tls-secret names, does not exist in namespace `{namespace}`"));
}

/// Makes a namespace of workflows.
pub(crate) fn namespace_of_workflows(name: &str) {
    apply_folder(&NAMESPACE.replace("NAME", name));
}

/// Lets the steps of a namespace use one more Secret, beside those that the installation's Role names.
pub(crate) fn may_use(namespace: &str, secret: &str) {
    // The run in the other mode has made one too.
    let name = format!("use-{secret}-{}", std::process::id());
    let rule = ["--verb=get", "--resource=secrets", &format!("--resource-name={secret}")];
    kubectl(&[&["create", "role", &name, "-n", namespace], &rule[..]].concat());
    let (role, account) =
        (format!("--role={name}"), format!("--serviceaccount={namespace}:buildkit-executor-plugin"));
    kubectl(&["create", "rolebinding", &name, "-n", namespace, &role, &account]);
}

/// Gives a namespace the Secrets of the first one.
pub(crate) fn copy_secrets(namespace: &str, names: &[&str]) {
    for name in names {
        let mut secret = get(BUILDS, "secret", name);
        let annotations = secret["metadata"]["annotations"].take();
        secret["metadata"] = json!({"name": name, "namespace": namespace, "annotations": annotations});
        apply(&secret.to_string());
    }
}

/// A workflow for another namespace, which builds the shop's service with a Secret of the first one's name.
pub(crate) fn curious(shop: &Shop) -> String {
    CURIOUS.replace("REPO", &shop.service.url())
}

const CURIOUS: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: curious-}
spec:
  entrypoint: build
  serviceAccountName: buildkit-workflow
  templates:
  - name: build
    plugin:
      buildkit:
        build:
          context: {repo: REPO, revision: main, secret: gitea-credentials}
          push: false
";

/// One key without a value would crash Argo's controller at every start. The policy of `argo-settings` refuses it.
#[tokio::test]
async fn a_plugin_without_a_value_is_refused_wherever_it_stands() {
    install::site().await;
    let own = json!({"name": "a", "plugin": {"buildkit": null, "build": {"push": false}}});
    let inline = json!({"name": "x", "inline": {"plugin": {"buildkit": null}}});
    let steps = json!({"name": "a", "steps": [[inline]]});
    let tasks = json!({"name": "a", "dag": {"tasks": [inline]}});
    let whole = json!({"name": "a", "plugin": {"buildkit": {"build": {"push": false}}}});
    let try_out = |kind: &str, template: &serde_json::Value| {
        let spec = json!({"entrypoint": "a", "templates": [template]});
        let spec = match kind {
            "CronWorkflow" => json!({"schedules": ["0 0 1 1 *"], "workflowSpec": spec}),
            _ => spec,
        };
        let metadata = json!({"generateName": "form-"});
        let object =
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), object.to_string()).unwrap();
        let create = ["create", "-n", BUILDS, "--dry-run=server", "-f", file.path().to_str().unwrap()];
        attempt("kubectl", &create)
    };
    for kind in ["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"] {
        for template in [&own, &steps, &tasks] {
            let refused = try_out(kind, template).unwrap_err();
            assert!(refused.contains("has to hold one key with a value"), "{kind}, {template}: {refused}");
        }
        try_out(kind, &whole).unwrap();
    }
}
