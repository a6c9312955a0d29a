//! The WorkflowTaskSets of many workflows: in each Argo hands templates to its agents, and hears of them.

mod part;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::Value;

use super::report::Form;
use super::task_set::{TaskSetId, TaskSetObject, completed, owner};
use super::{Cluster, KubeError, Request, Rights};
use part::Watching;

/// Which WorkflowTaskSets are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of the cluster.
    All,
    /// The ones of some namespaces; each namespace has a watch of its own.
    Namespaces(Vec<String>),
}

/// What one watch covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// All namespaces.
    All,
    /// One of them.
    Namespace(String),
}

/// Which WorkflowTaskSets are watched, and what of them is told.
#[derive(Debug, Clone)]
pub struct TaskSetsOptions {
    /// Their namespaces.
    pub scope: Scope,
    /// The controller that they are of, where there are several.
    pub instance_id: Option<String>,
    /// The key of the templates that are ours.
    pub plugin: &'static str,
    /// How many are listed at a time.
    pub page: u32,
}

/// What a WorkflowTaskSet says at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSetState {
    /// Which it is.
    pub id: TaskSetId,
    /// The uid of the workflow that owns it; empty if none does.
    pub workflow: String,
    /// When it was created, to the second.
    pub created: Option<jiff::Timestamp>,
    /// Its version.
    pub resource_version: String,
    /// The workflow has ended: nobody waits for the tasks that are left. The watch leaves such sets out.
    pub completed: bool,
    /// The templates that Argo waits for and that are ours, by the id of their node.
    pub tasks: BTreeMap<String, Value>,
    /// The phases that were reported of them and that Argo has not taken yet.
    pub phases: BTreeMap<String, String>,
    /// What a report must heed.
    pub form: Form,
}

/// What a watch tells.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskSetEvent {
    /// All of this part will be told anew. Another may follow before [`TaskSetEvent::Listed`], where listing failed.
    Relisting(Part),
    /// It is there, or has changed. None of its tasks may be ours.
    Seen(Box<TaskSetState>),
    /// What of this part was not seen since the last [`TaskSetEvent::Relisting`] is gone.
    Listed(Part),
    /// It was deleted, or its workflow has ended. If that is retried, it is seen again.
    Gone(TaskSetId),
}

impl Cluster {
    /// What the WorkflowTaskSets of `options` say, from a list of all and whenever one changes. It never ends: an
    /// error is told once it happens, and what it cut off is tried again after a pause.
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
    /// What `object` says to the agent of `plugin`.
    pub(super) fn read(object: TaskSetObject, plugin: &str) -> Self {
        let form = Form::of(&object);
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
            form,
        }
    }
}

impl TaskSetsOptions {
    /// A page of usual sets (5 kB each) is 80 kB; one of the largest that etcd takes, 24 MB, for a moment.
    pub const PAGE: u32 = 16;
}

impl Scope {
    fn parts(&self) -> Vec<Part> {
        match self {
            Self::All => vec![Part::All],
            // Two watches of one namespace would each take the other's task sets for gone.
            Self::Namespaces(names) => {
                let names: BTreeSet<&String> = names.iter().collect();
                names.into_iter().cloned().map(Part::Namespace).collect()
            }
        }
    }
}

impl Part {
    /// Whether `id` lies in it.
    pub fn holds(&self, id: &TaskSetId) -> bool {
        match self {
            Self::All => true,
            Self::Namespace(name) => *name == id.namespace,
        }
    }

    /// What is asked with its watch.
    fn request(&self) -> Request {
        let role = match self {
            Self::All => "a ClusterRole",
            Self::Namespace(_) => "a Role in that namespace",
        };
        let right = format!("list and watch on `workflowtasksets` of API group argoproj.io ({role})");
        let attempt = format!("watching `workflowtasksets` {self}");
        Request::new(attempt, Rights::Own, right).by("the agent's ServiceAccount")
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
