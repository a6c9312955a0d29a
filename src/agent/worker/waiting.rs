//! Reads from the Workflow whether Argo waits for a node. The task set does not always say.

use tracing::debug;

use crate::agent::Agent;
use crate::argo::NodePhase;
use crate::engine::Workflow;
use crate::kube::WorkflowState;

/// Whether Argo waits for `node`; `None` if that cannot be determined.
pub(super) async fn argo_waits(agent: &Agent, workflow: &Workflow, node: &str) -> Option<bool> {
    let asked = agent.cluster.workflow_state(&workflow.namespace, &workflow.name).await;
    let found = asked.inspect_err(|error| debug!("{error}")).ok()?;
    let Some(found) = found.filter(|found| found.uid.as_ref() == Some(&workflow.uid)) else {
        return Some(false);
    };
    waits(&found, node)
}

fn waits(found: &WorkflowState, node: &str) -> Option<bool> {
    if found.ended || found.stops(node) {
        return Some(false);
    }
    // The nodes are unknown where Argo keeps them in a database, or has written none yet.
    if found.nodes.is_empty() {
        return None;
    }
    Some(!found.nodes.get(node).is_some_and(|node| NodePhase::is_end(&node.phase)))
}

/// Whether Argo has stopped waiting for `node`; false if that cannot be determined.
pub(super) async fn argo_stopped_waiting(agent: &Agent, workflow: &Workflow, node: &str) -> bool {
    argo_waits(agent, workflow, node).await == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::WorkflowNode;

    #[test]
    fn it_is_not_known_what_argo_waits_for_where_it_shows_no_nodes() {
        let node =
            |phase: &str| ("n".to_owned(), WorkflowNode { phase: phase.to_owned(), ..Default::default() });
        let rows = [
            (Vec::new(), false, None),
            (Vec::new(), true, Some(false)),
            (vec![node("Pending")], false, Some(true)),
            (vec![node("Succeeded")], false, Some(false)),
            (vec![node("Pending")], true, Some(false)),
        ];
        for (nodes, ended, known) in rows {
            let found = WorkflowState { ended, nodes: nodes.into_iter().collect(), ..Default::default() };
            assert_eq!(waits(&found, "n"), known, "{found:?}");
        }
        let other = WorkflowState { nodes: [node("Pending")].into(), ..Default::default() };
        assert_eq!(waits(&other, "another"), Some(true));
    }
}
