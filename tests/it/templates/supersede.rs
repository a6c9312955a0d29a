//! A newer build ends an older one of the same line, and no other workflow.

use serde_json::{Value, json};

use super::installed;
use super::pipeline::{Site, finish};
use crate::argo::sidecar;
use crate::support::argo::{Argo, Node};
use crate::support::kube::{Identity, Kube};
use crate::support::net::{free_port, second_after, unique};
use crate::support::plugin::{Setup, Workflow};

/// Creates a Workflow of the pipeline.
async fn submit(argo: &Argo, site: &Site, name: &str, more: &[(&str, &str)]) -> String {
    let mut parameters = site.parameters();
    parameters.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    parameters.extend(more);
    let parameters: Vec<_> =
        parameters.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let template = json!({"name": "ci-cd-buildkit-deploy"});
    let spec = json!({"workflowTemplateRef": template, "arguments": {"parameters": parameters}});
    argo.submit(&json!({"metadata": {"name": name}, "spec": spec}).to_string()).await
}

/// Gives the plugin's account more rights to workflows.
async fn may(verbs: &[&str]) {
    let rules = json!([{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": verbs}]);
    Kube::shared().await.grant(Identity::Plugin, &unique("supersede"), rules).await;
}

async fn shutdown(argo: &Argo, workflow: &str) -> Value {
    argo.workflow(workflow).await["spec"]["shutdown"].take()
}

#[tokio::test]
async fn a_newer_build_ends_the_older_ones_of_its_line_only() {
    let argo = installed().await;
    let site = Site::open().await;
    let name = unique("line");
    let [running, waiting, elsewhere, refused, ours, newer] =
        ["a", "b", "c", "d", "e", "f"].map(|letter| format!("{name}-{letter}"));
    submit(argo, &site, &running, &[]).await;
    argo.task(&running).await;
    submit(argo, &site, &waiting, &[]).await;
    argo.node_when(&waiting, |node| node.message.contains("Waiting for builds/Mutex/")).await;
    submit(argo, &site, &elsewhere, &[("git-ref", "refs/heads/dev")]).await;
    argo.task(&elsewhere).await;
    // Of two workflows of one second, neither is the newer.
    let created = argo.workflow(&elsewhere).await["metadata"]["creationTimestamp"].take();
    second_after(created.as_str().unwrap()).await;

    // Other tests allow the account to read workflows. It lacks only `patch`.
    may(&["get", "list"]).await;
    submit(argo, &site, &refused, &[("concurrency", "supersede")]).await;
    let message = forbidden(argo, &refused).await;
    insta::assert_snapshot!(message.replace(&running, "OLDER"), @r"step 2 of 7 (`supersede`): ending workflow `OLDER` in namespace `builds` is forbidden to the plugin's ServiceAccount; grant it `get`, `list` and `patch` on workflows of argoproj.io (a Role in that namespace), or let builds queue");

    may(&["patch"]).await;
    submit(argo, &site, &ours, &[("concurrency", "supersede")]).await;
    argo.task(&ours).await;
    submit(argo, &site, &newer, &[("concurrency", "supersede")]).await;
    argo.task(&newer).await;
    finish(argo, &ours).await;

    site.expect_deployed().await;
    let node = argo.node_when(&ours, |node| node.phase == "Succeeded").await;
    assert_eq!(node.outputs["superseded"], json!([running, waiting]).to_string());
    assert_eq!(shutdown(argo, &running).await, "Stop");
    assert_eq!(argo.finished(&running).await.0, "Failed");
    let annotations = argo.workflow(&running).await["metadata"]["annotations"].take();
    assert_eq!(
        annotations["argo-buildkit.io/superseded-by"], ours,
        "who reads it learns that it was not tried"
    );
    // Its node is waiting, so a stop ends it.
    assert_eq!(shutdown(argo, &waiting).await, "Stop");
    assert_eq!(argo.finished(&waiting).await.0, "Failed");
    let example = documented(argo).await;
    assert_eq!(example.outputs["superseded"], "[]", "{example:?}");
    for untouched in [elsewhere, newer] {
        assert_eq!(shutdown(argo, &untouched).await, Value::Null, "{untouched}");
        argo.terminate(&untouched).await;
    }
}

/// The node of the example in docs/steps.md, in a workflow that Argo has postponed: it never writes such a workflow's
/// `workflowMetadata`.
async fn documented(argo: &Argo) -> Node {
    let blocks = include_str!("../../../docs/steps.md").split("```yaml\n").skip(1);
    let mut examples = blocks.filter_map(|block| block.split("```").next());
    let example = examples.find(|block| block.contains("    supersede:")).unwrap();
    let template: Value = serde_saphyr::from_str(example).unwrap();
    let metadata = json!({"labels": {"argo-buildkit.io/line": "not-written"}});
    let spec = json!({"entrypoint": "newest-only", "workflowMetadata": metadata, "templates": [template]});
    let status = json!({"phase": "Pending", "message": "too many workflows are already running"});
    let workflow = json!({"metadata": {"generateName": "docs-"}, "spec": spec, "status": status}).to_string();
    let workflow = argo.submit(&workflow).await;
    finish(argo, &workflow).await;
    let labels = argo.workflow(&workflow).await["metadata"]["labels"].take();
    assert_eq!(labels["argo-buildkit.io/line"], "shop-api-main", "a newer one finds it");
    argo.node_when(&workflow, |node| node.phase == "Succeeded").await
}

/// The message with which the workflow fails.
async fn forbidden(argo: &Argo, workflow: &str) -> String {
    let mut agent = argo.agent(workflow).await;
    let port = free_port();
    let _plugin = sidecar(&agent, port).await;
    agent.run(port);
    argo.finished(workflow).await;
    argo.node_when(workflow, |node| node.phase == "Failed").await.message
}

/// The shared agent sees a step some milliseconds before its workflow's labels are written.
#[tokio::test]
async fn labels_that_the_controller_has_not_written_yet_are_waited_for() {
    installed().await;
    may(&["get", "list"]).await;
    let (kube, workflow) = (Kube::shared().await, Workflow::new());
    let write = async |labels: Value, phase: &str| {
        let mut metadata = json!({"name": workflow.name, "namespace": workflow.namespace, "labels": labels});
        // It belongs to a controller that does not exist.
        metadata["labels"]["workflows.argoproj.io/controller-instanceid"] = json!("nobody");
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata,
            "spec": {"entrypoint": "only", "templates": []}, "status": {"phase": phase},
        });
        kube.apply(object).await;
    };
    write(json!({}), "").await;
    let kubeconfig = kube.kubeconfig(Identity::Plugin).display().to_string();
    let plugin = Setup::new("unix:///nobody").env("KUBECONFIG", &kubeconfig).start();
    let template = json!({"name": "only", "plugin": {"buildkit": {"supersede": {}}}});
    let looks = |node: &Value| node["message"].to_string().contains("looking for older workflows");
    plugin.until(&workflow, &template, looks).await;
    write(json!({"argo-buildkit.io/line": unique("line")}), "Running").await;
    let node = plugin.drive(&workflow, &template).await;
    assert_eq!(node["phase"], "Succeeded", "{node}");
}
