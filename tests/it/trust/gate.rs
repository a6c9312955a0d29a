//! The gate checks only data that Argo itself sets.

use kube::api::PostParams;
use serde_json::{Value, json};

use crate::deploy::Site;
use crate::deploy::rights::allowed;
use crate::support::kube::Kube;
use crate::support::net::{PATIENCE, unique, until};

/// A namespace of the shared agent, and the gate.
async fn gated_namespace(kube: &Kube) -> String {
    let namespace = unique("gated");
    let labels = json!({"argo-buildkit.io/agent": "shared"});
    let metadata = json!({"name": namespace, "labels": labels});
    kube.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).await;
    for object in Site::new("components: [../../components/agent-gate]\n").objects() {
        kube.apply(object).await;
    }
    let held = async || is_gated(kube, &namespace, agent(json!({}))).await.then_some(());
    until(|| "the gate".to_owned(), PATIENCE, held).await;
    namespace
}

/// The metadata of the pod that Argo makes for the agent of workflow `w`, whose `podMetadata` has these labels
/// (argo-workflows `workflow/controller/agent.go`: they are put over the controller's own).
fn agent(pod_metadata: Value) -> Value {
    let mut labels =
        json!({"workflows.argoproj.io/component": "agent", "workflows.argoproj.io/workflow": "w.1"});
    labels.as_object_mut().unwrap().extend(pod_metadata.as_object().unwrap().clone());
    json!({"name": "w.1-1340600742-agent", "labels": labels, "ownerReferences": [owner("Workflow", "w.1")]})
}

fn owner(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "name": name, "uid": "u", "controller": true})
}

/// Whether the API server adds the gate to a pod with this metadata.
async fn is_gated(kube: &Kube, namespace: &str, metadata: Value) -> bool {
    let pods = kube.api("v1", "Pod", namespace).await;
    let spec = json!({"containers": [{"name": "main", "image": "none"}]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    let made = pods.create(&parameters, &serde_json::from_value(pod).unwrap()).await.unwrap();
    made.data["spec"]["schedulingGates"] == json!([{"name": "argo-buildkit.io/shared-agent"}])
}

#[tokio::test]
async fn a_workflow_cannot_take_its_agent_out_of_the_gate_by_labels() {
    let kube = Kube::shared().await;
    let namespace = gated_namespace(kube).await;
    for labels in [
        json!({"workflows.argoproj.io/component": "none"}),
        json!({"workflows.argoproj.io/workflow": ""}),
        json!({"workflows.argoproj.io/component": "", "workflows.argoproj.io/workflow": "other"}),
    ] {
        assert!(is_gated(kube, &namespace, agent(labels.clone())).await, "{labels}");
    }
    let mut unlabelled = agent(json!({}));
    unlabelled.as_object_mut().unwrap().remove("labels");
    assert!(is_gated(kube, &namespace, unlabelled).await);
}

/// Otherwise it would wait for ever.
#[tokio::test]
async fn a_step_in_a_pod_runs_whatever_it_is_called_and_labelled() {
    let kube = Kube::shared().await;
    let namespace = gated_namespace(kube).await;
    let label = json!({"workflows.argoproj.io/component": "agent", "workflows.argoproj.io/workflow": "w"});
    let pod = |name: &str, owner: Value| json!({"name": name, "labels": label, "ownerReferences": [owner]});
    for metadata in [
        // Pod names that Argo makes for a workflow, for its templates, and for a workflow with the name `ask-agent`.
        pod("w", owner("Workflow", "w")),
        pod("w-build-2349871", owner("Workflow", "w")),
        pod("ask-agent", owner("Workflow", "ask-agent")),
        pod("ask-agent-my-agent-88123", owner("Workflow", "ask-agent")),
        // Names of other pods.
        pod("w-88123-agent", owner("Job", "w")),
        json!({"name": "w-88123-agent", "labels": label}),
        json!({"generateName": "w-", "labels": label}),
    ] {
        assert!(!is_gated(kube, &namespace, metadata.clone()).await, "{metadata}");
    }
}

/// In a namespace with sidecars, Argo's agent pod needs this right. With the shared agent, any pod with the
/// workflows' token could report for all workflows.
#[tokio::test]
async fn with_the_shared_agent_the_account_of_workflows_writes_no_task_set() {
    let kube = Kube::shared().await;
    let act = "patch workflowtasksets/any/status";
    for (components, may) in [("", true), ("components: [../../components/agent-rights]\n", false)] {
        let namespace = unique("rights");
        let own = format!("resources: [../../base/builds]\n{components}namespace: {namespace}\n");
        let (namespaces, others): (Vec<_>, Vec<_>) =
            Site::new(&own).objects().into_iter().partition(|o| o["kind"] == "Namespace");
        for object in [namespaces, others].concat() {
            kube.apply(object).await;
        }
        let user = format!("system:serviceaccount:{namespace}:buildkit-workflow");
        let in_force =
            async || allowed(kube, &user, &namespace, "create workflowtaskresults").await.then_some(());
        until(|| format!("the rights of {user}"), PATIENCE, in_force).await;
        assert_eq!(allowed(kube, &user, &namespace, act).await, may, "{components}");
        assert_eq!(allowed(kube, &user, &namespace, "list workflowtasksets").await, may, "{components}");
    }
}
