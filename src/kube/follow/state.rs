//! What is read of a WorkflowTaskSet, and of a Workflow.

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

/// What a WorkflowTaskSet says at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSet {
    /// The uid of the workflow that owns it.
    pub workflow: Option<String>,
    /// The workflow has ended.
    pub completed: bool,
    /// The templates that Argo waits for, by the id of their node.
    pub tasks: BTreeMap<String, Value>,
}

/// What a Workflow says at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkflowState {
    /// Its uid.
    pub uid: Option<String>,
    /// How it is being ended, if it is.
    pub shutdown: Option<Shutdown>,
    /// It has ended.
    pub ended: bool,
    /// The time at which its deadline passes, and how long the deadline is.
    pub deadline: Option<(Timestamp, Duration)>,
    /// Its nodes by id. Empty where Argo keeps them in a database, or they are more than is kept.
    pub nodes: BTreeMap<String, NodePlace>,
}

/// Bytes of a workflow's nodes that are kept: some 30,000 nodes. Whoever writes workflows writes them.
const KEPT: usize = 8 << 20;

/// Bytes that a node takes beside its texts.
const NODE: usize = 256;

/// How a workflow is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shutdown {
    /// Everything ends but its exit handlers.
    Stop,
    /// All.
    Terminate,
    /// Another way, of a later version of Argo.
    #[serde(other)]
    Other,
}

/// Where a node stands among a workflow's nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodePlace {
    /// Its path in the workflow; that of an exit handler, or of its retries and parts, has `.onExit` in it.
    pub name: String,
    /// The node whose template it is a part of; empty at the top.
    #[serde(rename = "boundaryID")]
    pub boundary: String,
    /// When it began.
    pub started_at: Option<Time>,
    /// Its phase.
    pub phase: String,
}

/// The little that is read of either object. A Workflow may be large: the rest is not kept.
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
    /// A number of seconds.
    active_deadline_seconds: Option<i64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    nodes: BTreeMap<String, NodePlace>,
    /// The nodes of a large workflow instead.
    compressed_nodes: String,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    /// The spec of a workflow that is made of a WorkflowTemplate, under its own.
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

/// Unpackings at a time.
static UNPACKING: Semaphore = Semaphore::const_new(2);

/// What is kept of an object.
pub(super) trait Kept<P: Clone>: Sized {
    /// Reads it, beside the runtime's threads where that takes long.
    fn read(object: Read<P>) -> impl Future<Output = Self> + Send;
}

impl Kept<TaskSetSpec> for TaskSet {
    async fn read(object: Read<TaskSetSpec>) -> Self {
        Self::from(object)
    }
}

impl Kept<WorkflowSpec> for WorkflowState {
    async fn read(mut object: Read<WorkflowSpec>) -> Self {
        let packed = object.status.as_mut().map(|status| std::mem::take(&mut status.compressed_nodes));
        let state = Self::from(object);
        match packed {
            // Argo reads them in this order (`packer.go`).
            Some(packed) if state.nodes.is_empty() && !packed.is_empty() => {
                // The semaphore is never closed.
                let _turn = UNPACKING.acquire().await;
                let nodes = tokio::task::spawn_blocking(move || packed::nodes::<Places>(&packed)).await;
                Self { nodes: places(nodes), ..state }
            }
            _ => state,
        }
    }
}

fn places(read: Result<Result<Places, serde_json::Error>, JoinError>) -> BTreeMap<String, NodePlace> {
    match read {
        Ok(Ok(Places(nodes))) => nodes,
        Ok(Err(error)) => {
            debug!("the compressed nodes of a workflow cannot be read: {error}");
            BTreeMap::new()
        }
        Err(_) => BTreeMap::new(),
    }
}

/// Nodes of whatever size, of which no more than [`KEPT`] are taken.
struct Places(BTreeMap<String, NodePlace>);

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Counting)
    }
}

struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = Places;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the nodes of a workflow by their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Places, A::Error> {
        let (mut nodes, mut left) = (BTreeMap::new(), KEPT);
        while let Some((id, node)) = map.next_entry::<String, NodePlace>()? {
            let size = NODE + id.len() + node.name.len() + node.boundary.len() + node.phase.len();
            left = left.checked_sub(size).ok_or_else(|| A::Error::custom("they are too many"))?;
            nodes.insert(id, node);
        }
        Ok(Places(nodes))
    }
}

impl WorkflowState {
    /// Whether the node `id` is to end because the workflow is: an exit handler outlives a stop, and so does what may be one.
    pub fn stops(&self, id: &str) -> bool {
        match self.shutdown {
            Some(Shutdown::Terminate) => true,
            Some(Shutdown::Stop) => self.is_exit_handler(id) == Some(false),
            Some(Shutdown::Other) | None => false,
        }
    }

    /// Whether the node `id` is an exit handler, or a part of one; nothing where that cannot be told.
    pub fn is_exit_handler(&self, id: &str) -> Option<bool> {
        let mut node = self.nodes.get(id)?;
        // A circle of boundaries would be Argo's bug, and must not hang us.
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

/// Whether `.onExit` stands in a node's name as Argo puts it there: before the end, a retry's number, a step group or a part
/// (argo-workflows `operator.go`, `lifecyclehook.go`).
fn names_exit_handler(name: &str) -> bool {
    name.split(".onExit").skip(1).any(|rest| rest.is_empty() || rest.starts_with(['(', '[', '.']))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    #[test]
    fn exit_handlers_are_told_by_their_names() {
        for (name, is) in [
            ("wf.onExit", true),
            ("wf.onExit(0)", true),
            ("wf.onExit(0)[0].tell", true),
            ("wf[0].build.onExit", true),
            ("wf.onExit.part", true),
            ("wf", false),
            ("wf[0].onExitCode", false),
            ("wf.onExits", false),
        ] {
            assert_eq!(names_exit_handler(name), is, "{name}");
        }
    }

    #[tokio::test]
    async fn compressed_nodes_are_nodes_and_too_many_are_none() {
        let workflow = |count: usize| {
            let nodes: BTreeMap<_, _> = (0..count)
                .map(|n| (format!("wf-{n}"), json!({"name": "wf.onExit", "phase": "Running", "inputs": {}})))
                .collect();
            let packed = packed::packed(json!(nodes).to_string().as_bytes());
            let object = json!({"metadata": {"uid": "u"}, "spec": {"shutdown": "Stop"}, "status": {"compressedNodes": packed}});
            serde_json::from_value::<Read<WorkflowSpec>>(object).unwrap()
        };
        let state = WorkflowState::read(workflow(3)).await;
        assert_eq!((state.nodes.len(), state.is_exit_handler("wf-2")), (3, Some(true)));
        let state = WorkflowState::read(workflow(40_000)).await;
        assert_eq!((state.uid.as_deref(), state.nodes.len()), (Some("u"), 0));
    }
}
