//! A step that ends the process does not begin again for ever. After the second time, it fails and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::net::{PATIENCE, unique, until};
use crate::support::plugin::{Setup, Workflow, expect_phase};
use crate::support::process;
use crate::support::shared::shared_buildkitd;
use crate::support::shared_agent::{AgentSetup, Tenant};
use crate::support::shop::template;

/// A Git server that never answers, so a step that calls it runs until the process ends.
struct Silent {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Silent {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/shop/api.git", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let answer = move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<&'static str>()
        };
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, asked }
    }

    fn step(&self) -> Value {
        json!({"update-manifest": {"repo": self.url, "targets": [{"file": "values.yaml", "helm": {"tag": "1"}}]}})
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until a step of the new process calls.
    async fn asked_more_than(&self, before: usize, log: impl Fn() -> String) {
        let more = async || (self.asked() > before).then_some(());
        until(|| format!("the step to be at work\n{}", log()), PATIENCE, more).await;
    }
}

const SAID: &str = "this step has ended argo-buildkit 2 times";

#[tokio::test]
async fn a_step_that_ended_the_agent_twice_is_not_begun_a_third_time() {
    let (server, tenant, pod) = (Silent::start().await, Tenant::new().await, process::directory("pod-"));
    let setup = AgentSetup::new(shared_buildkitd().address(), &[&tenant]).await;
    // A killed agent cannot release its lease. Each agent has its own, so the next need not wait for it. The
    // container's directory stays.
    let next = || {
        let pod = pod.path().to_str().unwrap();
        setup.replica().env("ARGO_BUILDKIT_LEASE", &unique("lease")).env("TMPDIR", pod).start()
    };
    let workflow = tenant.argo.submit_plugin(&json!({"buildkit": server.step()}), &[]).await;
    for _ in 0..2 {
        let before = server.asked();
        let agent = next();
        server.asked_more_than(before, || agent.log()).await;
        agent.kill();
    }
    let (before, agent) = (server.asked(), next());
    let (phase, message) = tenant.argo.finished(&workflow).await;
    assert_eq!(phase, "Failed", "{message}\n{}", agent.log());
    let nodes = tenant.argo.nodes(&workflow).await;
    let node = nodes.into_values().next().unwrap();
    assert!(node.message.contains(SAID) || message.contains(SAID), "{} {message}", node.message);
    assert_eq!(server.asked(), before, "it was not begun");
}

#[tokio::test]
async fn a_step_beside_the_one_that_ends_the_agent_is_not_taken_for_it() {
    let (servers, tenants) =
        ([Silent::start().await, Silent::start().await], [Tenant::new().await, Tenant::new().await]);
    let pod = process::directory("pod-");
    let setup = AgentSetup::new(shared_buildkitd().address(), &[&tenants[0], &tenants[1]]).await;
    let next = || {
        let pod = pod.path().to_str().unwrap();
        setup.replica().env("ARGO_BUILDKIT_LEASE", &unique("lease")).env("TMPDIR", pod).start()
    };
    let mut workflows = Vec::new();
    for (server, tenant) in servers.iter().zip(&tenants) {
        workflows.push(tenant.argo.submit_plugin(&json!({"buildkit": server.step()}), &[]).await);
    }
    let agent = next();
    for server in &servers {
        server.asked_more_than(0, || agent.log()).await;
    }
    agent.kill();
    // One of them begins again, and the other waits. So it is alone when the process is killed again.
    let (before, agent) = (servers.each_ref().map(Silent::asked), next());
    let begun = || (0..2).find(|n| servers[*n].asked() > before[*n]);
    let first = until(|| format!("a step to begin again\n{}", agent.log()), PATIENCE, async || begun()).await;
    let other = 1 - first;
    assert_eq!(servers[other].asked(), before[other], "both began at once");
    agent.kill();
    let agent = next();
    let (phase, message) = tenants[first].argo.finished(&workflows[first]).await;
    assert_eq!(phase, "Failed", "{message}\n{}", agent.log());
    servers[other].asked_more_than(before[other], || agent.log()).await;
    assert_eq!(servers[first].asked(), before[first] + 1, "it was begun a third time");
}

#[tokio::test]
async fn a_sidecar_counts_too_and_a_drain_is_no_death() {
    let (server, pod) = (Silent::start().await, process::directory("pod-"));
    let next =
        || Setup::new(shared_buildkitd().address()).env("TMPDIR", pod.path().to_str().unwrap()).start();
    let (workflow, template) = (Workflow::new(), template(server.step()));
    let mut plugin = next();
    for ending in ["TERM", "KILL", "KILL"] {
        let before = server.asked();
        plugin.poll(&workflow, &template).await;
        server.asked_more_than(before, || plugin.log()).await;
        match ending {
            "TERM" => {
                plugin.signal("TERM");
                plugin.exit().await;
            }
            _ => plugin.kill(),
        }
        plugin = next();
    }
    let before = server.asked();
    let node = plugin.drive(&workflow, &template).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().starts_with(SAID), "{node}");
    assert_eq!(server.asked(), before, "it was not begun");
}
