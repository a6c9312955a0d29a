//! Several workflows at once, several namespaces, and logins that are wrong.

use crate::cluster::{apply, attempt, get, gitea, kubectl, tree};
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
        // Each is a line of its own: they are not to wait for each other.
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
    kubectl(&[
        "-n",
        BUILDS,
        "create",
        "secret",
        "generic",
        "registry-wrong",
        "--type=kubernetes.io/dockerconfigjson",
        &secret,
    ]);
    kubectl(&[
        "-n",
        BUILDS,
        "patch",
        "role",
        "buildkit-executor-plugin",
        "--type=json",
        "-p",
        r#"[{"op":"add","path":"/rules/0/resourceNames/-","value":"registry-wrong"}]"#,
    ]);
    let workflow = shop.submit("ci-cd-buildkit-deploy", &[("registry-secret", "registry-wrong")]);
    assert_eq!(workflow.end(), "Failed", "{}", workflow.report());
    let message = workflow.node()["message"].to_string();
    assert!(message.contains("10.244.0.1:3000 refused the login (401, as user"), "{message}");
}

/// A namespace like `builds`, made of the same folder.
const NAMESPACE: &str = "
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: NAME
resources: [../../deploy/base/builds]
";

#[tokio::test]
async fn another_namespace_reaches_neither_secrets_nor_buildkitd() {
    let shop = Shop::open("FROM BASE\nRUN echo private\n").await;
    shop.submit("build-push", &[]).succeeds();
    namespace_of_workflows("team-b");
    let account = "system:serviceaccount:team-b:buildkit-executor-plugin";
    for secret in ["gitea-credentials", "buildkit-client-tls", "git-write-back"] {
        let may = attempt(
            "kubectl",
            &["auth", "can-i", "get", &format!("secret/{secret}"), "-n", BUILDS, "--as", account],
        );
        assert!(may.is_err(), "{account} may read {secret} of {BUILDS}");
    }
    let curious = curious(&shop);
    let says = |wanted: &str| {
        let workflow = Workflow::create("team-b", &curious);
        assert_ne!(workflow.end(), "Succeeded", "{}", workflow.report());
        let message = workflow.node()["message"].to_string();
        assert!(message.contains(wanted), "{message}");
    };
    says("secret `gitea-credentials` does not exist in namespace `team-b`");
    // With a login of its own it still has no client certificate, so it cannot ask buildkitd for what others built.
    let token = gitea().token(&install::site().await.owner, &["read:repository"]).await;
    let login = ["--from-literal=username=x", &format!("--from-literal=password={token}")];
    kubectl(&[&["-n", "team-b", "create", "secret", "generic", "gitea-credentials"], &login[..]].concat());
    says("which --tls-secret names, does not exist in namespace `team-b`");
}

/// Makes a namespace of workflows.
pub(crate) fn namespace_of_workflows(name: &str) {
    // Beside the folder it refers to: kustomize takes no absolute path.
    let room = tempfile::Builder::new().prefix("namespace-").tempdir_in(tree().join("target")).unwrap();
    std::fs::write(room.path().join("kustomization.yaml"), NAMESPACE.replace("NAME", name)).unwrap();
    kubectl(&["apply", "--server-side", "-k", room.path().to_str().unwrap()]);
}

/// Gives a namespace the Secrets of the first one.
pub(crate) fn copy_secrets(namespace: &str, names: &[&str]) {
    for name in names {
        let mut secret = get(BUILDS, "secret", name);
        secret["metadata"] = serde_json::json!({"name": name, "namespace": namespace});
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
