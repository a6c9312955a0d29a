//! Time limits, which the agent must apply while a node is reported as Running, and results of any size.

use serde_json::{Value, json};

use super::{Scene, until_runs};
use crate::lifecycle::own_daemon;
use crate::support::plugin::tree;

const ENDLESS: &str = "FROM BASE\nRUN sleep 600\n";

/// A workflow of one node with the step `step`. `spec` and `template` are added to its spec and its template.
fn workflow(step: &Value, spec: Value, template: Value) -> String {
    let mut own = json!({"name": "main", "plugin": {"buildkit": step}});
    crate::support::shop::merge(&mut own, template);
    let mut whole = json!({"entrypoint": "main", "templates": [own]});
    crate::support::shop::merge(&mut whole, spec);
    json!({"metadata": {"generateName": "limits-"}, "spec": whole}).to_string()
}

#[tokio::test]
async fn a_templates_timeout_ends_the_build_and_names_what_it_did() {
    let daemon = own_daemon().await;
    let scene = Scene::with(&daemon, ENDLESS).await;
    let step = scene.shop.build(json!({}));
    let name = scene.tenant.argo.submit(&workflow(&step, json!({}), json!({"timeout": "15s"}))).await;
    let node = scene.ends(&name, "Failed").await;
    // A slow machine may not have reached the RUN.
    assert!(node.message.contains("took longer than its timeout of 15 s, during: "), "{}", node.message);
    until_runs(&daemon, "sleep 600", false, &scene.agent).await;
}

#[tokio::test]
async fn a_workflows_deadline_ends_the_build_and_names_it() {
    let daemon = own_daemon().await;
    let scene = Scene::with(&daemon, ENDLESS).await;
    let step = scene.shop.build(json!({}));
    let name =
        scene.tenant.argo.submit(&workflow(&step, json!({"activeDeadlineSeconds": 15}), json!({}))).await;
    let node = scene.ends(&name, "Failed").await;
    assert!(node.message.contains("longer than its `activeDeadlineSeconds` of 15 s"), "{}", node.message);
    until_runs(&daemon, "sleep 600", false, &scene.agent).await;
}

/// Argo compresses the nodes of a workflow of more than a megabyte.
#[tokio::test]
async fn a_large_workflows_deadline_and_stop_end_the_build_too() {
    let daemon = own_daemon().await;
    let scene = Scene::with(&daemon, ENDLESS).await;
    let argo = &scene.tenant.argo;
    let step = scene.shop.build(json!({}));
    let parameter = |name: &str, size: usize| json!({"name": name, "value": "x".repeat(size)});
    let parameters = json!([parameter("a", 400_000), parameter("b", 300_000)]);
    let inputs = json!({"inputs": {"parameters": [{"name": "a"}, {"name": "b"}]}});
    let large = |more: Value| {
        let mut spec = json!({"arguments": {"parameters": parameters}});
        crate::support::shop::merge(&mut spec, more);
        workflow(&step, spec, inputs.clone())
    };
    let name = argo.submit(&large(json!({"activeDeadlineSeconds": 15}))).await;
    let node = scene.ends(&name, "Failed").await;
    assert!(argo.workflow(&name).await["status"]["compressedNodes"].is_string(), "it is large");
    assert!(node.message.contains("longer than its `activeDeadlineSeconds` of 15 s"), "{}", node.message);
    until_runs(&daemon, "sleep 600", false, &scene.agent).await;

    let name = argo.submit(&large(json!({}))).await;
    until_runs(&daemon, "sleep 600", true, &scene.agent).await;
    argo.stop(&name).await;
    until_runs(&daemon, "sleep 600", false, &scene.agent).await;
    assert_eq!(scene.ends(&name, "Failed").await.phase, "Failed");
}

/// Each waiting step keeps its text in memory, and the number of waiting steps has no limit.
#[tokio::test]
async fn steps_that_wait_have_a_limit_of_memory_for_their_namespace() {
    let scene = Scene::set(ENDLESS).await;
    let arguments: serde_json::Map<_, _> =
        (0..15).map(|n| (format!("A{n}"), "x".repeat(60_000).into())).collect();
    let large = scene.shop.build(json!({"build-args": arguments}));
    let small = scene.shop.build(json!({}));
    let argo = &scene.tenant.argo;
    let running = argo.submit(&workflow(&small, json!({}), json!({}))).await;
    // Each step takes 4.5 MB of the 64 MiB.
    for _ in 0..14 {
        argo.submit(&workflow(&large, json!({}), json!({}))).await;
    }
    scene.agent.metric("argo_buildkit_agent_tasks 15").await;
    let one_more = argo.submit(&workflow(&large, json!({}), json!({}))).await;
    let node = scene.says(&one_more, "this step was not begun").await;
    assert_eq!(node.phase, "Error");
    assert!(node.message.contains("(64 MiB for one namespace, half of"), "{}", node.message);
    // The running step continues, and a step of another namespace starts.
    assert_eq!(argo.nodes(&running).await.into_values().next().unwrap().phase, "Running");
}

#[tokio::test]
async fn an_output_that_the_cluster_does_not_keep_is_a_small_failure() {
    let scene = Scene::set("FROM BASE\n").await;
    // Each diff shows the lines around the change, and is cut at 16 KiB.
    let line = format!("# {}\n", "x".repeat(10_000));
    let values = format!("{line}{line}tag: \"0\"\n{line}{line}");
    scene
        .shop
        .gitops
        .push_directory(tree(&[("chart/values.yaml", &values)]).path(), "main", "long lines")
        .await;
    let update = |number: usize| {
        let mut step = scene.shop.update(json!({"tag": number.to_string()}), json!({"commit": false}));
        step["name"] = json!(format!("u{number}"));
        step
    };
    let steps: Vec<_> = (1..=100).map(update).collect();
    let name = scene.submit(json!({"steps": steps}), &[]).await;
    let node = scene.ends(&name, "Failed").await;
    assert!(
        node.message.starts_with("the step ended as Succeeded, but Argo cannot be told its outputs"),
        "{}",
        node.message
    );
    assert!(node.message.len() < 2000, "{}", node.message);
}
