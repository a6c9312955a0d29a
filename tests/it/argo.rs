//! The real Argo controller and agent call `serve`. Secrets come from a real API server.

use serde_json::{Value, json};

use crate::lifecycle::httpd;
use crate::support::argo::{Agent, Argo};
use crate::support::bin;
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{free_port, unique};
use crate::support::plugin::{Plugin, Setup};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::Shop;

const DOCKER_CONFIG: &str = "kubernetes.io/dockerconfigjson";

/// A sidecar beside `agent`, on the port that the agent calls, with its token and the plugin's ServiceAccount.
pub(super) async fn sidecar(agent: &Agent, port: u16) -> Plugin {
    let kube = Kube::shared().await;
    let plugin = Setup::new(shared_buildkitd().address())
        .env("ARGO_BUILDKIT_LISTEN", &format!("127.0.0.1:{port}"))
        .env("ARGO_BUILDKIT_TOKEN_FILE", &agent.token_file().display().to_string())
        .env("KUBECONFIG", &kube.kubeconfig(Identity::Plugin).display().to_string());
    plugin.start_without_secrets()
}

/// Copies the shop's two Secrets into the cluster with new names, and allows the plugin to read those in `readable`.
pub(crate) async fn secrets(shop: &Shop, readable: &[&str]) -> (String, String) {
    let kube = Kube::shared().await;
    let (git, registry) = (unique("git"), unique("registry"));
    let token = format!("{}\n", shop.token);
    kube.secret(&git, "kubernetes.io/basic-auth", &[("username", &shop.owner), ("password", &token)]).await;
    let config = shop.world.gitea.docker_config_json(&shop.owner, &shop.token);
    kube.secret(&registry, DOCKER_CONFIG, &[(".dockerconfigjson", &config)]).await;
    let names: Vec<_> = readable.iter().map(|name| if *name == "git" { &git } else { &registry }).collect();
    let rules =
        json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]}]);
    kube.grant(Identity::Plugin, &unique("read-secrets"), rules).await;
    (git, registry)
}

/// The shop's pipeline with Secrets of these names.
fn pipeline(shop: &Shop, git: &str, registry: &str) -> Value {
    let context = json!({"repo": shop.service.url(), "revision": "main", "secret": {"name": git}});
    let build = shop.build(json!({"context": context, "registry-secret": {"name": registry}}));
    let values = json!({"image.tag": "1", "image.digest": "$(build.digest)"});
    let update = shop.update(values, json!({"secret": {"name": git}}));
    json!({"buildkit": {"steps": [build, update]}})
}

#[tokio::test]
async fn a_workflow_builds_pushes_and_commits_through_the_genuine_agent() {
    let argo = Argo::shared().await;
    let shop = Shop::open("FROM BASE\nCOPY main.txt /\nRUN tr a-z A-Z </main.txt >/out.txt\n").await;
    let (git, registry) = secrets(&shop, &["git", "registry"]).await;
    let outputs = ["digest", "commit", "build-cached-steps"];
    let name = argo.submit_plugin(&pipeline(&shop, &git, &registry), &outputs).await;
    let mut agent = argo.agent(&name).await;
    let port = free_port();
    let plugin = sidecar(&agent, port).await;
    agent.run(port);
    let (phase, message) = argo.finished(&name).await;
    assert_eq!(phase, "Succeeded", "{message}\n{}\n{}", agent.log(), plugin.log());
    let node = argo.node_when(&name, |node| node.phase == "Succeeded").await;
    assert_eq!(shop.digest("latest").await.as_ref(), Some(&node.outputs["digest"]));
    assert_eq!(shop.gitops.head("main").await, node.outputs["commit"]);
    let values = shop.gitops.read("main", "chart/values.yaml").await.unwrap();
    assert!(values.contains(&node.outputs["digest"]), "{values}");
    assert!(node.message.contains("pushed ") && node.message.contains("committed "), "{}", node.message);
}

#[tokio::test]
async fn a_sidecar_killed_mid_build_and_restarted_finishes_the_workflow() {
    let argo = Argo::shared().await;
    let shop = Shop::open("FROM BASE\nRUN echo one\nRUN sleep 8\nRUN echo two\n").await;
    let (git, registry) = secrets(&shop, &["git", "registry"]).await;
    let name = argo.submit_plugin(&pipeline(&shop, &git, &registry), &["digest"]).await;
    let mut agent = argo.agent(&name).await;
    let port = free_port();
    let first = sidecar(&agent, port).await;
    agent.run(port);
    argo.node_when(&name, |node| node.message.contains("RUN sleep 8")).await;
    first.kill();
    let _second = sidecar(&agent, port).await;
    let (phase, message) = argo.finished(&name).await;
    assert_eq!(phase, "Succeeded", "{message}\n{}", agent.log());
    let node = argo.node_when(&name, |node| node.phase == "Succeeded").await;
    assert_eq!(shop.digest("1").await.as_ref(), Some(&node.outputs["digest"]));
    assert_eq!(shop.gitops.commits("main").await.len(), 2);
}

#[tokio::test]
async fn a_dependent_task_gets_the_output_and_a_failed_one_its_retry() {
    let argo = Argo::shared().await;
    let shop = Shop::open("FROM BASE\nARG ATTEMPT\nRUN test $ATTEMPT = 1\n").await;
    let (git, registry) = secrets(&shop, &["git", "registry"]).await;
    let context = json!({"repo": shop.service.url(), "secret": {"name": git}});
    let more =
        json!({"context": context, "registry-secret": registry, "build-args": {"ATTEMPT": "{{retries}}"}});
    let build = shop.build(more);
    let update = shop.update(json!({"image.digest": "{{inputs.parameters.digest}}"}), json!({"secret": git}));
    let supplied = json!({"supplied": {}, "default": ""});
    let templates = json!([
        {"name": "main", "dag": {"tasks": [
            {"name": "build", "template": "build"},
            {"name": "commit", "template": "commit", "depends": "build", "arguments": {"parameters":
                [{"name": "digest", "value": "{{tasks.build.outputs.parameters.digest}}"}]}},
        ]}},
        {"name": "build", "retryStrategy": {"limit": "1", "retryPolicy": "Always"},
         "outputs": {"parameters": [{"name": "digest", "valueFrom": supplied}]}, "plugin": {"buildkit": build}},
        {"name": "commit", "inputs": {"parameters": [{"name": "digest"}]}, "plugin": {"buildkit": update}},
    ]);
    let workflow =
        json!({"metadata": {"generateName": "dag-"}, "spec": {"entrypoint": "main", "templates": templates}});
    let name = argo.submit(&workflow.to_string()).await;
    let mut agent = argo.agent(&name).await;
    let port = free_port();
    let plugin = sidecar(&agent, port).await;
    agent.run(port);
    let (phase, message) = argo.finished(&name).await;
    assert!(phase == "Succeeded", "{phase} {message}\n{:?}\n{}", argo.nodes(&name).await, plugin.log());
    let values = shop.gitops.read("main", "chart/values.yaml").await.unwrap();
    assert!(values.contains(&shop.digest("1").await.unwrap()), "{values}");
}

/// The commit is the same, and the template does not contain the number of the attempt.
#[tokio::test]
async fn a_retry_builds_again_be_it_argos_own_or_by_hand() {
    let (argo, kube) = (Argo::shared().await, Kube::shared().await);
    let (server, room) = (free_port(), tempfile::tempdir().unwrap());
    let shop = Shop::open(&format!("FROM BASE\nRUN wget -q -O /dev/null http://127.0.0.1:{server}/\n")).await;
    let (git, registry) = secrets(&shop, &["git", "registry"]).await;
    let context = json!({"repo": shop.service.url(), "secret": git});
    let build = shop.build(json!({"context": context, "registry-secret": registry}));
    let main = json!({"name": "main", "retryStrategy": {"limit": "1"}, "plugin": {"buildkit": build}});
    let spec = json!({"entrypoint": "main", "templates": [main]});
    let name =
        argo.submit(&json!({"metadata": {"generateName": "retried-"}, "spec": spec}).to_string()).await;
    let mut gate = None;
    for (phase, built) in [("Failed", "outcome=\"failed\"} 2"), ("Succeeded", "outcome=\"succeeded\"} 1")] {
        let mut agent = argo.agent(&name).await;
        let port = free_port();
        let plugin = sidecar(&agent, port).await;
        agent.run(port);
        let ended = argo.finished(&name).await;
        assert_eq!(ended.0, phase, "{}\n{}", ended.1, plugin.log());
        let (_, metrics) = plugin.ops("/metrics").await;
        assert!(metrics.contains(built), "{metrics}");
        if phase == "Failed" {
            gate = Some(httpd(server, room.path()));
            retry(&name, BUILDS, &kube.kubeconfig(Identity::Admin));
        }
    }
    drop(gate);
}

/// `argo retry`.
pub(crate) fn retry(workflow: &str, namespace: &str, kubeconfig: &std::path::Path) {
    let mut command = std::process::Command::new(bin::testbed("argo"));
    let output = command.args(["retry", "-n", namespace, workflow]).env("KUBECONFIG", kubeconfig).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The message with which the pipeline fails for these `readable` and `names`.
async fn refused(shop: &Shop, git: &str, registry: &str) -> String {
    let argo = Argo::shared().await;
    let name = argo.submit_plugin(&pipeline(shop, git, registry), &[]).await;
    let mut agent = argo.agent(&name).await;
    let port = free_port();
    let _plugin = sidecar(&agent, port).await;
    agent.run(port);
    argo.finished(&name).await;
    argo.node_when(&name, |node| node.phase == "Failed").await.message
}

#[tokio::test]
async fn a_secret_that_is_missing_forbidden_or_of_another_type_is_named() {
    let shop = Shop::open("FROM BASE\n").await;
    let (git, registry) = secrets(&shop, &["git"]).await;
    let message = refused(&shop, &git, &registry).await;
    let forbidden = format!(
        "reading secret `{registry}` in namespace `builds` is forbidden to the plugin's ServiceAccount"
    );
    assert!(message.contains(&forbidden) && message.contains("resourceNames"), "{message}");
    let kube = Kube::shared().await;
    let opaque = unique("opaque");
    let names = ["no-such-secret", &opaque, &registry];
    let rules =
        json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]}]);
    kube.grant(Identity::Plugin, &unique("read-secrets"), rules).await;
    let message = refused(&shop, "no-such-secret", &registry).await;
    assert!(message.contains("secret `no-such-secret` does not exist in namespace `builds`"), "{message}");
    kube.secret(&opaque, "Opaque", &[(".dockerconfigjson", "{}")]).await;
    let message = refused(&shop, &git, &opaque).await;
    assert!(
        message.contains("has type `Opaque`, but `kubernetes.io/dockerconfigjson` is needed"),
        "{message}"
    );
}
