//! What Argo says about one workflow as it runs: the Workflow itself, and the WorkflowTaskSet, in which it hands
//! templates to its agent.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{ListParams, Object, ObjectMeta, WatchEvent, WatchParams};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Cluster, NoCluster};

/// How long a watch lasts, in seconds: with less than most proxies allow, it is we who begin it anew.
const WATCH: u32 = 60;

/// How long the API server may be silent in a watch: it ends that after [`WATCH`].
const SILENCE: Duration = Duration::from_secs(65);

/// How long its answer to a list, and the first word of a watch, may take.
const LIST: Duration = Duration::from_secs(30);

/// Set on a WorkflowTaskSet when its workflow has ended. Tasks may be left behind: nobody waits for them.
const COMPLETED: &str = "workflows.argoproj.io/completed";

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
    /// When its time is up, and how long that is.
    pub deadline: Option<(Timestamp, Duration)>,
    /// Its nodes by id. Empty where Argo has compressed or offloaded them.
    pub nodes: BTreeMap<String, NodePlace>,
}

/// How a workflow is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shutdown {
    /// All but its exit handlers.
    Stop,
    /// All.
    Terminate,
    /// In a way that later versions of Argo may know.
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

/// Why a workflow cannot be watched, now.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// RBAC refuses the plugin's ServiceAccount.
    #[error(
        "watching `{resource}` in namespace `{namespace}` is forbidden to the plugin's ServiceAccount; grant it get, \
         list and watch on `workflowtasksets` and `workflows` of API group argoproj.io (a Role in that namespace)"
    )]
    Forbidden {
        /// What is to be watched.
        resource: String,
        /// The workflow's namespace.
        namespace: String,
    },
    /// There is no API server to ask.
    #[error(transparent)]
    NoCluster(#[from] NoCluster),
    /// The API server failed, or ended the watch with an error.
    #[error("watching `{resource}` in namespace `{namespace}` failed: {reason}")]
    Unavailable {
        /// What is to be watched.
        resource: String,
        /// The workflow's namespace.
        namespace: String,
        /// What it said.
        reason: String,
    },
}

impl WatchError {
    fn of(error: kube::Error, resource: String, namespace: String) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden { resource, namespace },
            other => Self::Unavailable { resource, namespace, reason: other.to_string() },
        }
    }
}

/// The little that is read of either object. A Workflow may be large: the rest is not kept.
type Read<P> = Object<P, Status>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct TaskSetSpec {
    tasks: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all = "camelCase")]
struct WorkflowSpec {
    shutdown: Option<Shutdown>,
    /// A number of seconds.
    active_deadline_seconds: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    nodes: BTreeMap<String, NodePlace>,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    /// The spec of a workflow that is made of a WorkflowTemplate, under its own.
    stored_workflow_template_spec: Option<WorkflowSpec>,
}

impl Cluster {
    /// Tells `seen` what the WorkflowTaskSet of the workflow `name` says, at once and whenever it changes, or
    /// nothing when there is none, until the API server ends the watch, as it does every few minutes.
    pub async fn follow_task_set(
        &self,
        namespace: &str,
        name: &str,
        mut seen: impl FnMut(Option<TaskSet>),
    ) -> Result<(), WatchError> {
        let seen = |object: Option<Read<TaskSetSpec>>| seen(object.map(TaskSet::from));
        self.follow("WorkflowTaskSet", namespace, name, seen).await
    }

    /// The same of the Workflow itself.
    pub async fn follow_workflow(
        &self,
        namespace: &str,
        name: &str,
        mut seen: impl FnMut(Option<WorkflowState>),
    ) -> Result<(), WatchError> {
        let seen = |object: Option<Read<WorkflowSpec>>| seen(object.map(WorkflowState::from));
        self.follow("Workflow", namespace, name, seen).await
    }

    /// What the Workflow `name` says now; nothing when there is none.
    pub async fn workflow_state(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<WorkflowState>, WatchError> {
        let resource = super::argo("Workflow");
        let api: Api<Read<WorkflowSpec>> = Api::namespaced_with(self.client().await?, namespace, &resource);
        let found = punctually(LIST, api.get_opt(name)).await;
        let found = found.map_err(|error| WatchError::of(error, resource.plural, namespace.to_owned()))?;
        Ok(found.map(WorkflowState::from))
    }

    async fn follow<P>(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        seen: impl FnMut(Option<Read<P>>),
    ) -> Result<(), WatchError>
    where
        P: Clone + std::fmt::Debug + DeserializeOwned,
    {
        let resource = super::argo(kind);
        let api = Api::namespaced_with(self.client().await?, namespace, &resource);
        let (resource, namespace) = (resource.plural, namespace.to_owned());
        watch(&api, name, seen).await.map_err(|error| WatchError::of(error, resource, namespace))
    }
}

/// It always begins with a list, so that no resource version can be too old.
async fn watch<P>(
    api: &Api<Read<P>>,
    name: &str,
    mut seen: impl FnMut(Option<Read<P>>),
) -> Result<(), kube::Error>
where
    P: Clone + std::fmt::Debug + DeserializeOwned,
{
    let only = format!("metadata.name={name}");
    let found = punctually(LIST, api.list(&ListParams::default().fields(&only))).await?;
    seen(found.items.into_iter().next());
    let from = found.metadata.resource_version.unwrap_or_default();
    let parameters = WatchParams::default().fields(&only).timeout(WATCH);
    let events = punctually(LIST, api.watch(&parameters, &from)).await?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = punctually(SILENCE, events.try_next()).await? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => seen(Some(object)),
            WatchEvent::Deleted(_) => seen(None),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        }
    }
    Ok(())
}

/// What `answer` gives within `limit`. A connection that nobody told of its end would be listened to for ever.
async fn punctually<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, kube::Error> {
    let late = |_| kube::Error::Service(format!("no answer within {} s", limit.as_secs()).into());
    tokio::time::timeout(limit, answer).await.map_err(late)?
}

impl From<Read<TaskSetSpec>> for TaskSet {
    fn from(object: Read<TaskSetSpec>) -> Self {
        let ObjectMeta { owner_references, labels, .. } = object.metadata;
        let owner = owner_references.into_iter().flatten().find(|owner| owner.kind == "Workflow");
        let completed = labels.unwrap_or_default().remove(COMPLETED);
        Self {
            workflow: owner.map(|owner| owner.uid),
            completed: completed.is_some_and(|value| value == "true"),
            tasks: object.spec.tasks,
        }
    }
}

impl From<Read<WorkflowSpec>> for WorkflowState {
    fn from(object: Read<WorkflowSpec>) -> Self {
        let status = object.status.unwrap_or_default();
        let stored = status.stored_workflow_template_spec.and_then(|spec| spec.active_deadline_seconds);
        let limit = object.spec.active_deadline_seconds.or(stored).map(Duration::from_secs);
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

impl WorkflowState {
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
}
