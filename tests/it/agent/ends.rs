//! Builds that are stopped: their workflow is stopped, terminated or deleted.

use serde_json::{Value, json};

use super::{Scene, until_runs};
use crate::lifecycle::own_daemon;
use crate::support::buildkitd::Buildkitd;
use crate::support::shop::Shop;

/// Two images, each with a RUN that lasts until it is killed.
const ENDLESS: &str = "FROM BASE AS main\nRUN sleep 600\nFROM BASE AS exit\nRUN sleep 700\n";

/// A workflow with an endless RUN and, with `exit`, an exit handler with another one.
fn workflow(shop: &Shop, exit: bool) -> Value {
    let template = |target: &str| {
        let build = shop.build(json!({"target": target}));
        json!({"name": target, "plugin": {"buildkit": build}})
    };
    let mut spec = json!({"entrypoint": "main", "templates": [template("main"), template("exit")]});
    if exit {
        spec["onExit"] = json!("exit");
    }
    json!({"metadata": {"generateName": "ends-"}, "spec": spec})
}

/// Starts a workflow and waits until its own RUN is running. Returns the scene and the workflow's name.
async fn running(daemon: &Buildkitd, exit: bool) -> (Scene, String) {
    let scene = Scene::with(daemon, ENDLESS).await;
    let name = scene.tenant.argo.submit(&workflow(&scene.shop, exit).to_string()).await;
    until_runs(daemon, "sleep 600", true, &scene.agent).await;
    scene.says(&name, "RUN sleep 600").await;
    (scene, name)
}

#[tokio::test]
async fn a_stop_ends_the_build_but_not_the_exit_handler_and_a_terminate_that_too() {
    let daemon = own_daemon().await;
    let (scene, name) = running(&daemon, true).await;
    scene.tenant.argo.stop(&name).await;
    until_runs(&daemon, "sleep 600", false, &scene.agent).await;
    let stopped = scene.says(&name, "cancelled during").await;
    assert_eq!(stopped.phase, "Failed", "{}", stopped.message);
    until_runs(&daemon, "sleep 700", true, &scene.agent).await;
    scene.tenant.argo.terminate(&name).await;
    until_runs(&daemon, "sleep 700", false, &scene.agent).await;
    scene.agent.metric("argo_buildkit_agent_tasks 0").await;
    assert_eq!(scene.tenant.argo.finished(&name).await.0, "Failed", "{}", scene.agent.log());
}

#[tokio::test]
async fn a_stopped_workflow_without_an_exit_handler_stays_failed() {
    let daemon = own_daemon().await;
    let (scene, name) = running(&daemon, false).await;
    scene.tenant.argo.stop(&name).await;
    until_runs(&daemon, "sleep 600", false, &scene.agent).await;
    scene.ends(&name, "Failed").await;
    scene.agent.metric("argo_buildkit_agent_tasks 0").await;
}

#[tokio::test]
async fn a_terminated_or_deleted_workflow_runs_nothing_on() {
    let daemon = own_daemon().await;
    let (scene, name) = running(&daemon, false).await;
    scene.tenant.argo.terminate(&name).await;
    until_runs(&daemon, "sleep 600", false, &scene.agent).await;
    assert_eq!(scene.tenant.argo.finished(&name).await.0, "Failed");
    let name = scene.tenant.argo.submit(&workflow(&scene.shop, false).to_string()).await;
    until_runs(&daemon, "sleep 600", true, &scene.agent).await;
    scene.tenant.argo.delete(&name).await;
    until_runs(&daemon, "sleep 600", false, &scene.agent).await;
    scene.agent.metric("argo_buildkit_agent_tasks 0").await;
}
