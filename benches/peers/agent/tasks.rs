//! Workflows and their tasks as Argo's controller makes them.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use http::Request;
use kube::Client;
use serde_json::{Value, json};

use super::super::api::create;
use super::super::support::kube::{BUILDS, Identity, Kube};

/// Requests at a time, over connections that are open.
const CONNECTIONS: usize = 32;

/// Some workflows of one plugin node each. No controller runs, so that they stay as they are.
pub(crate) struct Tasks {
    pub(super) client: Client,
    /// WorkflowTaskSets that are not handed out yet.
    sets: Vec<Value>,
}

impl Tasks {
    /// Makes `count` workflows that run `step`, without telling anybody of it.
    pub(crate) async fn prepare(kube: &Kube, name: &str, count: usize, step: &Value) -> Self {
        let client = kube.client(Identity::Admin).await;
        let made = stream::iter(0..count).map(|number| {
            let (client, workflow) = (&client, workflow(&format!("{name}-{number}"), step));
            async move { create(client, &path("workflows"), &workflow).await }
        });
        let workflows: Vec<_> = made.buffer_unordered(CONNECTIONS).collect().await;
        let sets = workflows.iter().map(set).collect();
        Self { client, sets }
    }

    /// Creates the WorkflowTaskSets, each so long after the one before.
    pub(crate) async fn hand_out(&self, paced: Duration) {
        let began = Instant::now();
        let created = stream::iter(self.sets.iter().zip(0..)).map(|(set, number)| async move {
            tokio::time::sleep_until((began + paced * number).into()).await;
            create(&self.client, &path("workflowtasksets"), set).await
        });
        created.buffer_unordered(CONNECTIONS).count().await;
    }

    /// Of how many tasks the agent has said anything.
    pub(crate) async fn reported(&self) -> usize {
        let request = Request::get(path("workflowtasksets")).body(Vec::new()).unwrap();
        let list: Value = self.client.request(request).await.unwrap();
        let sets = list["items"].as_array().unwrap();
        sets.iter().filter(|set| set["status"]["nodes"].is_object()).count()
    }

    /// Deletes everything.
    pub(crate) async fn delete(&self) {
        for kind in ["workflowtasksets", "workflows"] {
            let request = Request::delete(path(kind)).body(Vec::new()).unwrap();
            let _: Value = self.client.request(request).await.unwrap();
        }
    }
}

pub(super) fn path(kind: &str) -> String {
    format!("/apis/argoproj.io/v1alpha1/namespaces/{BUILDS}/{kind}")
}

/// A workflow whose only node, which has its name, waits for a plugin.
fn workflow(name: &str, step: &Value) -> Value {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let template = template(step);
    let node = json!({
        "id": name, "name": name, "displayName": name, "type": "Plugin", "phase": "Pending", "startedAt": now,
        "templateName": "main", "templateScope": format!("local/{name}"),
    });
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {"entrypoint": "main", "templates": [template]},
        "status": {"phase": "Running", "startedAt": now, "nodes": {name: node}},
    })
}

/// What the controller hands to the agents of `workflow`.
fn set(workflow: &Value) -> Value {
    let metadata = &workflow["metadata"];
    let name = text(&metadata["name"]);
    let owner = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": name, "uid": metadata["uid"],
        "controller": true, "blockOwnerDeletion": true,
    });
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTaskSet",
        "metadata": {"name": name, "ownerReferences": [owner]},
        "spec": {"tasks": {name: workflow["spec"]["templates"][0]}},
    })
}

fn template(step: &Value) -> Value {
    json!({"name": "main", "inputs": {}, "outputs": {}, "metadata": {}, "plugin": {"buildkit": step}})
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
