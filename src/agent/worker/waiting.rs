//! Reads from the Workflow whether Argo waits for a node. The task set does not always say.

use tracing::debug;

use crate::agent::Agent;
use crate::argo::NodePhase;
use crate::engine::Workflow;

/// Whether Argo waits for `node`; `None` if that cannot be determined.
pub(super) async fn argo_waits(agent: &Agent, workflow: &Workflow, node: &str) -> Option<bool> {
    let asked = agent.cluster.workflow_state(&workflow.namespace, &workflow.name).await;
    let found = asked.inspect_err(|error| debug!("{error}")).ok()?;
    let Some(found) = found.filter(|found| found.uid.as_ref() == Some(&workflow.uid)) else {
        return Some(false);
    };
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
