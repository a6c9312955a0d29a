//! A workflow's nodes, as its status has them.

use serde_json::Value;

use super::Facts;

/// One node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a>(&'a Value);

/// All nodes. None of a workflow whose nodes are in Argo's database.
pub(super) fn all(facts: &Facts) -> Vec<Node<'_>> {
    let nodes = facts.workflow["status"]["nodes"].as_object();
    nodes.into_iter().flat_map(|nodes| nodes.values()).map(Node).collect()
}

impl<'a> Node<'a> {
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

    /// For a lock.
    pub(super) fn waits(&self) -> bool {
        self.0["synchronizationStatus"]["waiting"].as_str().is_some_and(|lock| !lock.is_empty())
    }

    /// Bytes of JSON.
    pub(super) fn size_of_inputs(&self) -> usize {
        self.0["inputs"].to_string().len()
    }

    /// Done by the agent.
    pub(super) fn is_plugin(&self) -> bool {
        matches!(self.kind(), "Plugin" | "HTTP")
    }

    /// Does something itself, as opposed to a group of others.
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
