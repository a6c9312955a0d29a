//! The same for the shared agent: everything that it opens for builds is closed after their end, however they ended.

use super::*;
use crate::agent::Scene;
use crate::support::shared_agent::SharedAgent;

impl Counted for SharedAgent {
    async fn metrics(&self) -> String {
        let (status, metrics) = self.ops("/metrics").await;
        assert_eq!(status, 200);
        metrics
    }
}

/// Submits workflows that build `target`, each in one node.
async fn begin(scene: &Scene, target: Value, timeout: &str) -> Vec<String> {
    let step = scene.shop.build(json!({"target": target, "push": false}));
    let main = json!({"name": "main", "timeout": timeout, "plugin": {"buildkit": step}});
    let spec = json!({"entrypoint": "main", "templates": [main]});
    let workflow = json!({"metadata": {"generateName": "leaks-"}, "spec": spec}).to_string();
    join_all((0..AT_A_TIME).map(|_| scene.tenant.argo.submit(&workflow))).await
}

async fn end(scene: &Scene, workflows: &[String], phase: &str) {
    join_all(workflows.iter().map(|name| scene.ends(name, phase))).await;
}

async fn build(scene: &Scene, target: Value, timeout: &str, phase: &str) {
    end(scene, &begin(scene, target, timeout).await, phase).await;
}

/// Stops workflows in the middle of their builds, as a user does.
async fn stop(scene: &Scene) {
    let workflows = begin(scene, json!("endless"), "5m").await;
    join_all(workflows.iter().map(async |name| {
        scene.says(name, "sleep 600").await;
        scene.tenant.argo.stop(name).await;
    }))
    .await;
    end(scene, &workflows, "Failed").await;
}

#[tokio::test]
async fn what_the_agents_builds_open_is_closed_however_they_end() {
    let daemon = Debugged::start().await;
    let scene = Scene::with(&daemon.daemon, DOCKERFILE).await;
    build(&scene, Value::Null, "5m", "Succeeded").await;
    build(&scene, Value::Null, "5m", "Succeeded").await;
    let before = daemon.settles(&scene.agent, None, "the first builds").await;
    for _ in 0..3 {
        build(&scene, Value::Null, "5m", "Succeeded").await;
    }
    daemon.settles(&scene.agent, Some(before), "builds that ended well").await;
    for _ in 0..2 {
        build(&scene, json!("wrong"), "5m", "Failed").await;
        build(&scene, json!("endless"), "5s", "Failed").await;
    }
    daemon.settles(&scene.agent, Some(before), "builds that failed or took too long").await;
    stop(&scene).await;
    daemon.settles(&scene.agent, Some(before), "builds that were stopped").await;
}
