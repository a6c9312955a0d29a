//! The shared agent with the genuine controller. No agent pod runs here, because there is no kubelet.

use serde_json::{Value, json};

use crate::support::argo::Node;
use crate::support::buildkitd::Buildkitd;
use crate::support::net::{PATIENCE, until};
use crate::support::shared::World;
use crate::support::shared_agent::{SharedAgent, Tenant};
use crate::support::shop::Shop;

mod ends;
mod limits;
mod retries;

/// A tenant with a test project, and an agent that serves it.
pub(crate) struct Scene {
    pub(crate) shop: Shop,
    pub(crate) tenant: Tenant,
    pub(crate) agent: SharedAgent,
}

impl Scene {
    /// Uses the buildkitd that all tests share.
    pub(crate) async fn set(dockerfile: &str) -> Self {
        Self::with(World::shared().await.buildkitd, dockerfile).await
    }

    /// Uses the daemon `buildkitd`.
    pub(crate) async fn with(buildkitd: &Buildkitd, dockerfile: &str) -> Self {
        let (shop, tenant) = (Shop::open(dockerfile).await, Tenant::new().await);
        tenant.secrets(&shop).await;
        let agent = SharedAgent::serving(buildkitd.address(), &tenant).await;
        Self { shop, tenant, agent }
    }

    /// Submits a workflow of one node with the step `step`. Returns the workflow's name.
    pub(crate) async fn submit(&self, step: Value, outputs: &[&str]) -> String {
        self.tenant.argo.submit_plugin(&json!({"buildkit": step}), outputs).await
    }

    /// Waits until the message of a node of `workflow` contains `text`.
    pub(crate) async fn says(&self, workflow: &str, text: &str) -> Node {
        self.tenant.argo.node_when(workflow, |node| node.message.contains(text)).await
    }

    /// Waits until the workflow has ended as `phase`. Returns its only node.
    pub(crate) async fn ends(&self, workflow: &str, phase: &str) -> Node {
        let ended = self.tenant.argo.finished(workflow).await;
        assert_eq!(ended.0, phase, "{ended:?}\n{}", self.agent.log());
        self.tenant.argo.nodes(workflow).await.into_values().next().unwrap()
    }
}

/// Whether a process of a build on `daemon` has `words` in its command line.
pub(crate) fn runs(daemon: &Buildkitd, words: &str) -> bool {
    let line = |pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    daemon.steps().into_iter().any(|pid| line(pid).replace('\0', " ").contains(words))
}

/// Waits until such a process runs, or, if `whether` is false, until none runs.
pub(crate) async fn until_runs(daemon: &Buildkitd, words: &str, whether: bool, agent: &SharedAgent) {
    let what = || format!("`{words}` to run: {whether}\n{}", agent.log());
    until(what, PATIENCE, async || (runs(daemon, words) == whether).then_some(())).await;
}

#[tokio::test]
async fn a_workflow_builds_pushes_and_commits() {
    let scene = Scene::set("FROM BASE\nCOPY main.txt /\nRUN tr a-z A-Z </main.txt >/out.txt\n").await;
    let workflow = scene.submit(scene.shop.steps(), &["digest", "commit"]).await;
    let node = scene.ends(&workflow, "Succeeded").await;
    assert_eq!(node.outputs["digest"], scene.shop.digest("1").await.unwrap());
    assert_eq!(node.outputs["commit"], scene.shop.gitops.head("main").await);
    let values = scene.shop.gitops.read("main", "chart/values.yaml").await.unwrap();
    assert!(values.contains(&node.outputs["digest"]), "{values}");
    let metrics = scene.agent.ops("/metrics").await.1;
    for line in [
        "argo_buildkit_agent_leading 1",
        "argo_buildkit_agent_tasks 0",
        "argo_buildkit_agent_report_seconds_count 1",
        "argo_buildkit_agent_seen_seconds_count 1",
        "argo_buildkit_job_queue_seconds_count 1",
        "argo_buildkit_steps_total{kind=\"steps\",outcome=\"succeeded\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
    assert!(metrics.contains("argo_buildkit_agent_reports_total{result=\"accepted\"}"), "{metrics}");
}

#[tokio::test]
async fn what_is_wrong_with_a_step_is_told_at_once_and_foreign_tasks_are_left_alone() {
    let scene = Scene::set("FROM BASE\n").await;
    let wrong = scene.submit(json!({"build": {"contxt": {}}}), &[]).await;
    let node = scene.ends(&wrong, "Failed").await;
    assert!(node.message.contains("contxt") && node.message.contains("context"), "{}", node.message);
    let foreign = scene.tenant.argo.submit_plugin(&json!({"hello": {}}), &[]).await;
    scene.tenant.argo.task(&foreign).await;
    // The agent sees workflows in the order of their submission.
    let off = json!({"supersede": {"enabled": false}});
    let ours = scene.submit(off, &[]).await;
    scene.ends(&ours, "Succeeded").await;
    let nodes = scene.tenant.argo.nodes(&foreign).await;
    assert!(nodes.values().all(|node| node.phase == "Pending" && node.message.is_empty()), "{nodes:?}");
}
