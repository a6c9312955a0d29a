//! WorkflowTaskSets of many workflows on a real API server: the events of the watch, and the effects of reports.

mod interrupted;
mod races;
mod reports;
mod rights;
mod sizes;
mod watches;

use argo_buildkit::kube::{
    Cluster, KubeError, Part, Scope, TaskResult, TaskSetEvent, TaskSetId, TaskSetState, TaskSetsOptions,
};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::argo::install_crds;
use crate::support::kube::{Identity, Kube};
use crate::support::net::{PATIENCE, unique};

const COMPLETED: &str = "workflows.argoproj.io/completed";

/// A namespace of WorkflowTaskSets.
struct Sets {
    kube: &'static Kube,
    namespace: String,
    api: Api<DynamicObject>,
}

impl Sets {
    async fn new() -> Self {
        let kube = Kube::shared().await;
        install_crds(kube).await;
        let namespace = unique("sets");
        kube.namespace(&namespace).await;
        let api = kube.api("argoproj.io/v1alpha1", "WorkflowTaskSet", &namespace).await;
        Self { kube, namespace, api }
    }

    /// The cluster with the administrator's rights.
    async fn cluster(&self) -> Cluster {
        Cluster::from(self.kube.client(Identity::Admin).await)
    }

    /// A set with one task of ours, which has the set's name.
    async fn one(&self, name: &str) -> TaskSetState {
        self.create(name, json!({name: task(name)})).await;
        self.state(name).await
    }

    async fn create(&self, name: &str, tasks: Value) {
        let owner =
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": name, "uid": "w-1"});
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskSet",
            "metadata": {"name": name, "namespace": self.namespace, "ownerReferences": [owner]},
            "spec": {"tasks": tasks},
        });
        let object = serde_json::from_value(object).unwrap();
        self.api.create(&PostParams::default(), &object).await.unwrap();
    }

    /// A merge patch of everything except the status.
    async fn change(&self, name: &str, patch: Value) {
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// A merge patch of the status, like those of other agents and of Argo's controller.
    async fn change_status(&self, name: &str, status: Value) {
        let patch = Patch::Merge(json!({"status": status}));
        self.api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    async fn label(&self, name: &str, completed: Value) {
        self.change(name, json!({"metadata": {"labels": {COMPLETED: completed}}})).await;
    }

    async fn delete(&self, name: &str) {
        self.api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// The stored `status`.
    async fn status(&self, name: &str) -> Value {
        self.api.get(name).await.unwrap().data["status"].take()
    }

    fn options(&self) -> TaskSetsOptions {
        let scope = Scope::Namespaces(vec![self.namespace.clone()]);
        TaskSetsOptions { scope, instance_id: None, plugin: "buildkit", page: 2 }
    }

    async fn watch(&self) -> Watch {
        Watch::of(&self.cluster().await, &self.options())
    }

    /// The set as an agent sees it.
    async fn state(&self, name: &str) -> TaskSetState {
        let listed = self.watch().await.listed().await;
        listed.into_iter().find(|state| state.id.name == name).unwrap()
    }

    fn part(&self) -> Part {
        Part::Namespace(self.namespace.clone())
    }
}

/// A watch in which an event must come within [`PATIENCE`].
struct Watch(BoxStream<'static, Result<TaskSetEvent, KubeError>>);

impl Watch {
    fn of(cluster: &Cluster, options: &TaskSetsOptions) -> Self {
        Self(cluster.watch_task_sets(options))
    }

    async fn told(&mut self) -> Result<TaskSetEvent, KubeError> {
        let told = tokio::time::timeout(PATIENCE, self.0.next()).await;
        told.unwrap().unwrap()
    }

    async fn next(&mut self) -> TaskSetEvent {
        self.told().await.unwrap()
    }

    /// The first event after all errors.
    async fn recovered(&mut self) -> TaskSetEvent {
        loop {
            if let Ok(event) = self.told().await {
                return event;
            }
        }
    }

    async fn seen(&mut self) -> TaskSetState {
        match self.next().await {
            TaskSetEvent::Seen(state) => *state,
            other => panic!("{other:?}"),
        }
    }

    async fn gone(&mut self) -> TaskSetId {
        match self.next().await {
            TaskSetEvent::Gone(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// The events of a complete list.
    async fn listed(&mut self) -> Vec<TaskSetState> {
        assert!(matches!(self.next().await, TaskSetEvent::Relisting(_)));
        let mut all = Vec::new();
        loop {
            match self.next().await {
                TaskSetEvent::Seen(state) => all.push(*state),
                TaskSetEvent::Listed(_) => return all,
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A template for this plugin.
fn task(name: &str) -> Value {
    json!({"name": name, "plugin": {"buildkit": {"build": {"image": name}}}})
}

/// The successful result of one of a set's tasks.
fn success(state: &TaskSetState, id: &str) -> TaskResult {
    let result = json!({"phase": "Succeeded", "message": format!("built {id}")});
    TaskResult { id: id.to_owned(), guard: state.tasks[id]["plugin"].clone(), result }
}
