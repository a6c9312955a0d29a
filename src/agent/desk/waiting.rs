//! Whether Argo waits for a node, asked of its Workflow: its task set does not always tell.

use tracing::debug;

use crate::agent::Agent;
use crate::argo::NodePhase;
use crate::engine::Workflow;

/// Whether it does; nothing where that cannot be known.
pub(super) async fn waits(agent: &Agent, workflow: &Workflow, node: &str) -> Option<bool> {
    let asked = agent.cluster.workflow_state(&workflow.namespace, &workflow.name).await;
    let found = asked.inspect_err(|error| debug!("{error}")).ok()?;
    let Some(found) = found.filter(|found| found.uid.as_ref() == Some(&workflow.uid)) else {
        return Some(false);
    };
    let goes_on = !found.ended && !found.stops(node);
    let ended = found.nodes.get(node).is_some_and(|place| NodePhase::is_end(&place.phase));
    Some(goes_on && !ended)
}

/// Whether it has stopped waiting while the node queued; not where that cannot be known.
pub(super) async fn left(agent: &Agent, workflow: &Workflow, node: &str) -> bool {
    waits(agent, workflow, node).await == Some(false)
}
