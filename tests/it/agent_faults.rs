//! The shared agent without something that it needs: the agent itself, its lease, the API server, or enough slots.

mod away;
mod exits;
mod handover;
mod killed;
mod late;
mod many;

use kube::api::{Api, DynamicObject};
use serde_json::json;

use crate::lifecycle::httpd;
use crate::support::kube::Kube;
use crate::support::net::PATIENCE;
use crate::support::net::{free_port, until};
use crate::support::process::Process;
use crate::support::shared::shared_buildkitd;
use crate::support::shared_agent::{AgentSetup, SharedAgent, Tenant};
use crate::support::shop::Shop;

/// A tenant whose workflow builds until a gate is opened, and then commits the image.
struct Gated {
    shop: Shop,
    tenant: Tenant,
    gate: (u16, tempfile::TempDir),
}

impl Gated {
    async fn set() -> Self {
        let gate = (free_port(), tempfile::tempdir().unwrap());
        let wait = format!("RUN until wget -q -O /dev/null http://127.0.0.1:{}/; do sleep 0.2; done", gate.0);
        let once = "RUN cat /proc/sys/kernel/random/uuid > /once";
        let (shop, tenant) = (Shop::open(&format!("FROM BASE\n{once}\n{wait}\n")).await, Tenant::new().await);
        tenant.secrets(&shop).await;
        Self { shop, tenant, gate }
    }

    async fn setup(&self) -> AgentSetup {
        AgentSetup::new(shared_buildkitd().address(), &[&self.tenant]).await
    }

    /// Submits the workflow, and waits until it builds. Returns its name.
    async fn building(&self) -> String {
        let (argo, pipeline) = (&self.tenant.argo, json!({"buildkit": self.shop.steps()}));
        let workflow = argo.submit_plugin(&pipeline, &["digest", "commit"]).await;
        let node = argo.node_when(&workflow, |node| node.message.contains("RUN until wget")).await;
        assert_eq!(node.phase, "Running", "{}", node.message);
        workflow
    }

    /// Opens the gate, so that builds continue. The gate is open until the returned process is dropped.
    fn open(&self) -> Process {
        httpd(self.gate.0, self.gate.1.path())
    }

    /// Waits for the end of the workflow, and checks that there is exactly one image and one commit with that image.
    async fn is_done_once(&self, workflow: &str, agent: &SharedAgent) {
        let ended = tokio::time::timeout(PATIENCE, self.tenant.argo.finished(workflow)).await;
        let (phase, message) = ended.unwrap_or_else(|_| panic!("{workflow} goes on\n{}", agent.log()));
        assert_eq!(phase, "Succeeded", "{message}\n{}", agent.log());
        let node = self.tenant.argo.nodes(workflow).await.into_values().next().unwrap();
        let (digest, gitops) = (&node.outputs["digest"], &self.shop.gitops);
        assert_eq!(self.shop.digest("1").await.as_ref(), Some(digest), "{}", agent.log());
        assert_eq!(gitops.head("main").await, node.outputs["commit"], "{}", agent.log());
        let values = gitops.read("main", "chart/values.yaml").await.unwrap();
        assert!(values.contains(digest.as_str()), "{digest}\n{values}");
        assert_eq!(gitops.commits("main").await.len(), 2, "{}", agent.log());
    }
}

/// Waits until the agent has logged `text`.
async fn said(agent: &SharedAgent, text: &str) {
    let there = async || agent.log().contains(text).then_some(());
    until(|| format!("{text:?} in\n{}", agent.log()), PATIENCE, there).await;
}

async fn task_sets(tenant: &Tenant) -> Api<DynamicObject> {
    Kube::shared().await.api("argoproj.io/v1alpha1", "WorkflowTaskSet", &tenant.namespace).await
}
