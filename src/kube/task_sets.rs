//! Watches the WorkflowTaskSets of many workflows. In each set, Argo hands templates to its agents and receives their
//! results.

mod part;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::Value;

use super::report::ReportBasis;
use super::task_set::{TaskSetId, TaskSetObject, completed, owner};
use super::{ApiRequest, Cluster, KubeError, Rights};
use part::Watching;

/// The namespaces whose WorkflowTaskSets are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All namespaces of the cluster.
    All,
    /// Some namespaces, each with a watch of its own.
    Namespaces(Vec<String>),
}

/// The part of a [`Scope`] that one watch covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// All namespaces.
    All,
    /// One namespace.
    Namespace(String),
}

/// Selects the WorkflowTaskSets to watch, and the templates in them.
#[derive(Debug, Clone)]
pub struct TaskSetsOptions {
    /// The namespaces of the sets.
    pub scope: Scope,
    /// The instance id of the controller that wrote the sets, if there are several controllers.
    pub instance_id: Option<String>,
    /// The key under `plugin` of the templates for this plugin.
    pub plugin: &'static str,
    /// The page size of lists.
    pub page: u32,
}

/// The state of a WorkflowTaskSet at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSetState {
    /// The identity of the set.
    pub id: TaskSetId,
    /// The uid of the owning workflow; empty if there is none.
    pub workflow: String,
    /// The creation time, in whole seconds.
    pub created: Option<jiff::Timestamp>,
    /// The resource version of the set.
    pub resource_version: String,
    /// Whether the workflow has ended. Argo does not wait for the tasks that are left. The watch skips such sets.
    pub completed: bool,
    /// The templates for this plugin that Argo waits for, by node id.
    pub tasks: BTreeMap<String, Value>,
    /// The reported phases of these nodes that the controller has not read yet, by node id.
    pub phases: BTreeMap<String, String>,
    /// The basis of a report to the set.
    pub basis: ReportBasis,
}

impl TaskSetState {
    /// The uid of the workflow. A set without an owning workflow was written by a user; its own uid identifies it.
    pub fn workflow_uid(&self) -> &str {
        if self.workflow.is_empty() { &self.id.uid } else { &self.workflow }
    }
}

/// An event of the watch of a [`Part`].
#[derive(Debug, Clone, PartialEq)]
pub enum TaskSetEvent {
    /// A list of this part begins. If listing fails, another `Relisting` may follow before [`TaskSetEvent::Listed`].
    Relisting(Part),
    /// A set exists or has changed. It may have no task for this plugin.
    Seen(Box<TaskSetState>),
    /// The list is complete. Sets of this part that were not seen since the last [`TaskSetEvent::Relisting`] are
    /// gone.
    Listed(Part),
    /// A set was deleted, or its workflow has ended. If the workflow is retried, the set is seen again.
    Gone(TaskSetId),
}

impl Cluster {
    /// Watches the WorkflowTaskSets that `options` select: first all that exist, then each change. The stream never
    /// ends. It returns an error once when it occurs, and tries again after a pause.
    pub fn watch_task_sets(
        &self,
        options: &TaskSetsOptions,
    ) -> BoxStream<'static, Result<TaskSetEvent, KubeError>> {
        let parts = options.scope.parts().into_iter();
        let watches = parts.map(|part| Watching::new(self.clone(), part, options).stream().boxed());
        stream::select_all(watches).boxed()
    }
}

impl TaskSetState {
    /// Reads the state of `object` for the agent of `plugin`.
    pub(super) fn read(object: TaskSetObject, plugin: &str) -> Self {
        let basis = ReportBasis::of(&object);
        let (id, completed) = (TaskSetId::of(&object.metadata), completed(&object.metadata));
        let mut tasks = object.spec.tasks;
        tasks.retain(|_, template| template["plugin"].get(plugin).is_some());
        let nodes = object.status.and_then(|status| status.nodes).unwrap_or_default();
        let ours = nodes.into_iter().filter(|(id, _)| tasks.contains_key(id));
        let phases = ours.filter_map(|(id, node)| Some((id, node.phase?))).collect();
        Self {
            id,
            workflow: owner(&object.metadata).unwrap_or_default(),
            created: object.metadata.creation_timestamp.map(|time| time.0),
            resource_version: object.metadata.resource_version.unwrap_or_default(),
            completed,
            tasks,
            phases,
            basis,
        }
    }
}

impl TaskSetsOptions {
    /// The usual page size. A page of usual sets (5 kB each) has 80 kB; one of the largest sets that etcd accepts has
    /// 24 MB, for a moment.
    pub const PAGE: u32 = 16;
}

impl Scope {
    fn parts(&self) -> Vec<Part> {
        match self {
            Self::All => vec![Part::All],
            // The names must be unique: of two watches of one namespace, each would remove the task sets of the
            // other.
            Self::Namespaces(names) => {
                let names: BTreeSet<&String> = names.iter().collect();
                names.into_iter().cloned().map(Part::Namespace).collect()
            }
        }
    }
}

impl Part {
    /// Whether the set `id` is in this part.
    pub fn holds(&self, id: &TaskSetId) -> bool {
        match self {
            Self::All => true,
            Self::Namespace(name) => *name == id.namespace,
        }
    }

    /// Describes the watch of this part for error messages.
    fn request(&self) -> ApiRequest {
        let role = match self {
            Self::All => "a ClusterRole",
            Self::Namespace(_) => "a Role in that namespace",
        };
        let right = format!("list and watch on `workflowtasksets` of API group argoproj.io ({role})");
        let attempt = format!("watching `workflowtasksets` {self}");
        ApiRequest::new(attempt, Rights::Own, right).by("the agent's ServiceAccount")
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("in all namespaces"),
            Self::Namespace(name) => write!(f, "in namespace `{name}`"),
        }
    }
}
