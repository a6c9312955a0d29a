//! The way from the shared agent back to sidecars.

use crate::cluster::{PATIENCE, attempt, eventually, kubectl, list};
use crate::install;
use crate::mode::{AGENT, AGENT_PODS, leader};
use crate::shop::Shop;
use crate::workflow::BUILDS;

/// Only for the shared agent: `make e2e` skips it with sidecars.
mod agent {
    use super::*;

    /// Runs the commands of docs/agent.md during a build, then installs the agent again.
    #[tokio::test]
    async fn the_way_back_gives_a_running_workflow_its_sidecar() {
        // Longer than the commands take on a busy machine: the agent must be gone before the build ends.
        let shop = Shop::open("FROM BASE\nRUN sleep 45\n").await;
        let workflow = shop.submit("ci-cd-buildkit-deploy", &[]);
        workflow.says("RUN sleep 45");
        let back = install::blocks("agent.md", "## Rolling back").concat();
        attempt("bash", &["-euxo", "pipefail", "-c", &back]).unwrap();
        let runs = || workflow.agent().filter(|pod| pod["status"]["phase"] == "Running");
        eventually(|| format!("the sidecar of {}", workflow.report()), PATIENCE, runs);
        let outputs = workflow.succeeds();
        let manifest = shop.gitops.read("main", "app/deployment.yaml").await.unwrap();
        assert!(manifest.contains(outputs.get("digest")), "{outputs:?}\n{manifest}");
        kubectl(&["label", "namespace", BUILDS, "argo-buildkit.io/agent=shared"]);
        kubectl(&["-n", AGENT, "scale", "deployment/buildkit-agent", "--replicas=2"]);
        kubectl(&["-n", AGENT, "rollout", "status", "deployment/buildkit-agent", "--timeout=3m"]);
        leader();
        assert_eq!(list(AGENT, "pod", AGENT_PODS).len(), 2);
    }
}
