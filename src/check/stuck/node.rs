//! The nodes in a workflow's status.

use serde_json::Value;

use super::WorkflowFacts;

/// One node.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatusNode<'a>(&'a Value);

/// All nodes. Empty for a workflow whose nodes are in Argo's database.
pub(super) fn all(facts: &WorkflowFacts) -> Vec<StatusNode<'_>> {
    let nodes = facts.workflow["status"]["nodes"].as_object();
    nodes.into_iter().flat_map(|nodes| nodes.values()).map(StatusNode).collect()
}

impl<'a> StatusNode<'a> {
    fn text(&self, key: &str) -> &'a str {
        self.0[key].as_str().unwrap_or_default()
    }

    pub(super) fn id(&self) -> &'a str {
        self.text("id")
    }

    pub(super) fn name(&self) -> &'a str {
        self.text("displayName")
    }

    pub(super) fn kind(&self) -> &'a str {
        self.text("type")
    }

    pub(super) fn phase(&self) -> &'a str {
        self.text("phase")
    }

    pub(super) fn message(&self) -> &'a str {
        self.text("message")
    }

    /// Whether the node waits for a lock.
    pub(super) fn waits(&self) -> bool {
        self.0["synchronizationStatus"]["waiting"].as_str().is_some_and(|lock| !lock.is_empty())
    }

    /// The size of its inputs, in bytes of JSON.
    pub(super) fn size_of_inputs(&self) -> usize {
        self.0["inputs"].to_string().len()
    }

    /// Whether an agent executes the node.
    pub(super) fn is_plugin(&self) -> bool {
        matches!(self.kind(), "Plugin" | "HTTP")
    }

    /// Whether the node does work itself, instead of grouping others.
    pub(super) fn is_leaf(&self) -> bool {
        matches!(self.kind(), "Pod" | "Plugin" | "HTTP" | "Container")
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase(), "" | "Pending" | "Running")
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.phase(), "Failed" | "Error")
    }
}
