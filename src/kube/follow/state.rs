//! The fields that are read from a WorkflowTaskSet and from a Workflow.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::Object;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tracing::debug;

use crate::kube::packed;
use crate::kube::task_set::{completed, owner};

/// The state of a WorkflowTaskSet at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSet {
    /// The uid of the workflow that owns the set.
    pub workflow: Option<String>,
    /// Whether the workflow has ended.
    pub completed: bool,
    /// The templates that Argo waits for, by node id.
    pub tasks: BTreeMap<String, Value>,
}

/// The state of a Workflow at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkflowState {
    /// The uid of the Workflow.
    pub uid: Option<String>,
    /// The way in which the Workflow is being ended, if it is.
    pub shutdown: Option<Shutdown>,
    /// Whether the Workflow has ended.
    pub ended: bool,
    /// The Workflow's deadline, and the length of its time limit.
    pub deadline: Option<(Timestamp, Duration)>,
    /// The nodes by id. Empty if Argo keeps them in a database, or if they are larger than `MAX_NODE_BYTES`.
    pub nodes: BTreeMap<String, WorkflowNode>,
}

/// The most memory for the nodes of a workflow, in bytes: about 30,000 nodes. There must be a limit because users
/// write workflows.
const MAX_NODE_BYTES: usize = 8 << 20;

/// The memory of a node without its texts, in bytes.
const NODE: usize = 256;

/// The way in which a workflow is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shutdown {
    /// Everything is stopped except the exit handlers.
    Stop,
    /// Everything is stopped.
    Terminate,
    /// A way that a later version of Argo has added.
    #[serde(other)]
    Other,
}

/// A node of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowNode {
    /// The path of the node in the workflow. The path of an exit handler, and of its retries and parts, contains
    /// `.onExit`.
    pub name: String,
    /// The id of the node whose template contains this node; empty at the top.
    #[serde(rename = "boundaryID")]
    pub boundary: String,
    /// The start time of the node.
    pub started_at: Option<Time>,
    /// The phase of the node.
    pub phase: String,
}

/// The fields that are read from either object. A Workflow may be large: the rest is dropped.
pub(super) type Read<P> = Object<P, Status>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TaskSetSpec {
    tasks: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WorkflowSpec {
    shutdown: Option<Shutdown>,
    /// A time limit in seconds.
    active_deadline_seconds: Option<i64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    nodes: BTreeMap<String, WorkflowNode>,
    /// The compressed nodes of a large workflow, which has no plain ones.
    compressed_nodes: String,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    /// The spec of the WorkflowTemplate that the workflow was made from; the workflow's own spec comes first.
    stored_workflow_template_spec: Option<WorkflowSpec>,
}

impl From<Read<TaskSetSpec>> for TaskSet {
    fn from(object: Read<TaskSetSpec>) -> Self {
        let Read { metadata, spec, .. } = object;
        Self { workflow: owner(&metadata), completed: completed(&metadata), tasks: spec.tasks }
    }
}

impl From<Read<WorkflowSpec>> for WorkflowState {
    fn from(object: Read<WorkflowSpec>) -> Self {
        let status = object.status.unwrap_or_default();
        let stored = status.stored_workflow_template_spec.and_then(|spec| spec.active_deadline_seconds);
        let limit =
            object.spec.active_deadline_seconds.or(stored).and_then(|limit| u64::try_from(limit).ok());
        let limit = limit.map(Duration::from_secs);
        let deadline = limit.zip(status.started_at);
        let deadline = deadline.and_then(|(limit, began)| Some((began.0.checked_add(limit).ok()?, limit)));
        Self {
            uid: object.metadata.uid,
            shutdown: object.spec.shutdown,
            ended: status.finished_at.is_some(),
            deadline,
            nodes: status.nodes,
        }
    }
}

/// The number of decompressions at a time.
static DECOMPRESSIONS: Semaphore = Semaphore::const_new(2);

/// A type that keeps some fields of an object.
pub(super) trait FromObject<P: Clone>: Sized {
    /// Reads the object. Slow work runs outside the runtime's threads.
    fn read(object: Read<P>) -> impl Future<Output = Self> + Send;
}

impl FromObject<TaskSetSpec> for TaskSet {
    async fn read(object: Read<TaskSetSpec>) -> Self {
        Self::from(object)
    }
}

impl FromObject<WorkflowSpec> for WorkflowState {
    async fn read(mut object: Read<WorkflowSpec>) -> Self {
        let packed = object.status.as_mut().map(|status| std::mem::take(&mut status.compressed_nodes));
        let state = Self::from(object);
        match packed {
            // Argo reads the nodes in this order (`packer.go`).
            Some(packed) if state.nodes.is_empty() && !packed.is_empty() => {
                // The semaphore is never closed.
                let _turn = DECOMPRESSIONS.acquire().await;
                let nodes = tokio::task::spawn_blocking(move || packed::nodes::<Nodes>(&packed)).await;
                Self { nodes: nodes_or_empty(nodes), ..state }
            }
            _ => state,
        }
    }
}

fn nodes_or_empty(
    read: Result<Result<Nodes, serde_json::Error>, JoinError>,
) -> BTreeMap<String, WorkflowNode> {
    match read {
        Ok(Ok(Nodes(nodes))) => nodes,
        Ok(Err(error)) => {
            debug!("the compressed nodes of a workflow cannot be read: {error}");
            BTreeMap::new()
        }
        Err(_) => BTreeMap::new(),
    }
}

/// Reads nodes, of which no more than [`MAX_NODE_BYTES`] are kept.
struct Nodes(BTreeMap<String, WorkflowNode>);

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Counting)
    }
}

struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = Nodes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the nodes of a workflow by their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Nodes, A::Error> {
        let (mut nodes, mut left) = (BTreeMap::new(), MAX_NODE_BYTES);
        while let Some((id, node)) = map.next_entry::<String, WorkflowNode>()? {
            let size = NODE + id.len() + node.name.len() + node.boundary.len() + node.phase.len();
            left = left.checked_sub(size).ok_or_else(|| A::Error::custom("they are too many"))?;
            nodes.insert(id, node);
        }
        Ok(Nodes(nodes))
    }
}

impl WorkflowState {
    /// Whether the node `id` must end because the workflow is being ended. An exit handler, or a node that may be
    /// one, continues after a stop.
    pub fn stops(&self, id: &str) -> bool {
        match self.shutdown {
            Some(Shutdown::Terminate) => true,
            Some(Shutdown::Stop) => self.is_exit_handler(id) == Some(false),
            Some(Shutdown::Other) | None => false,
        }
    }

    /// Whether the node `id` is an exit handler or a part of one; `None` if that cannot be determined.
    pub fn is_exit_handler(&self, id: &str) -> Option<bool> {
        let mut node = self.nodes.get(id)?;
        // A cycle of boundaries would be a bug of Argo, but it must not make this loop endless.
        for _ in 0..=self.nodes.len() {
            if names_exit_handler(&node.name) {
                return Some(true);
            }
            if node.boundary.is_empty() {
                return Some(false);
            }
            node = self.nodes.get(&node.boundary)?;
        }
        None
    }
}

/// Whether a node's name contains `.onExit` where Argo puts it: at the end, or before a retry number, a step group or
/// a part (argo-workflows `operator.go`, `lifecyclehook.go`).
fn names_exit_handler(name: &str) -> bool {
    name.split(".onExit").skip(1).any(|rest| rest.is_empty() || rest.starts_with(['(', '[', '.']))
}

#[cfg(test)]
mod tests;
