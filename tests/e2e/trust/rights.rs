//! The rights of the attacker's accounts and workflows in the cluster.

use serde_json::json;

use super::rival::Rival;
use crate::agent::is_gated;
use crate::cluster::{PATIENCE, attempt, eventually, list};
use crate::mode::{Mode, mode};

#[tokio::test]
async fn no_account_of_workflows_writes_another_namespaces_tasks() {
    let rival = Rival::shared().await;
    let account = format!("system:serviceaccount:{}:buildkit-workflow", rival.namespace);
    let may = |act: &str, namespace: &str| {
        let words: Vec<_> = act.split(' ').collect();
        let question = [&["auth", "can-i", "-n", namespace, "--as", &account], &words[..]].concat();
        attempt("kubectl", &question).is_ok()
    };
    for namespace in ["builds", rival.namespace] {
        // Argo's agent pod needs this right in its own namespace. With the shared agent, no agent pod runs.
        let own = namespace == rival.namespace && mode() == Mode::Sidecar;
        assert_eq!(may("patch workflowtasksets --subresource=status", namespace), own, "{namespace}");
        assert!(!may("get secrets/git-write-back", namespace), "{namespace}");
        assert!(!may("create pods", namespace), "{namespace}");
    }
}

/// Only for the shared agent: `make e2e` skips it with sidecars.
mod agent {
    use super::*;

    /// `podMetadata` replaces labels of all pods of a workflow, including its agent pod.
    #[tokio::test]
    async fn a_workflow_does_not_pass_the_gate_by_labels() {
        let rival = Rival::shared().await;
        let labels = json!({"workflows.argoproj.io/component": "other", "attack": "gate"});
        let spec = json!({"podMetadata": {"labels": labels}});
        let workflow = rival.submit("FROM BASE\nRUN sleep 3\n", json!({}), spec);
        let made = || list(rival.namespace, "pod", "attack=gate").into_iter().next();
        let pod = eventually(|| format!("the agent pod of {}", workflow.report()), PATIENCE, made);
        assert!(is_gated(&pod), "{pod:#}");
        workflow.succeeds();
    }
}
