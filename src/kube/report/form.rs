//! How a patch of a WorkflowTaskSet must be written, given what it has already.

use kube::api::ObjectMeta;
use serde_json::{Value, json};

use super::TaskResult;
use crate::kube::task_sets::{COMPLETED, TaskSetObject, label};

/// What of a WorkflowTaskSet decides how a report of it is written. A report with an old one is refused by the server,
/// and harms nobody: every absence that it relies on is tested too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    mark: Mark,
    place: Place,
}

/// What says that the workflow has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    NoLabels,
    NoLabel,
    Label(String),
}

/// How much of `/status/nodes` is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    NoStatus,
    NoNodes,
    Nodes,
}

impl Form {
    /// That of `object`.
    pub(in crate::kube) fn of(object: &TaskSetObject) -> Self {
        let place = match &object.status {
            None => Place::NoStatus,
            Some(status) if status.nodes.is_none() => Place::NoNodes,
            Some(_) => Place::Nodes,
        };
        Self { mark: Mark::of(&object.metadata), place }
    }

    /// The operations that report `results` to the object `uid`, or nothing of them.
    pub(super) fn operations(&self, uid: &str, results: &[&TaskResult]) -> Vec<Value> {
        let mut operations = vec![test("/metadata/uid", &json!(uid)), self.mark.test()];
        let guard = |r: &&TaskResult| test(&format!("/spec/tasks/{}/plugin", escaped(&r.id)), &r.guard);
        operations.extend(results.iter().map(guard));
        operations.extend(self.place.additions(results));
        operations
    }
}

impl Mark {
    fn of(metadata: &ObjectMeta) -> Self {
        match (label(metadata), &metadata.labels) {
            (Some(value), _) => Self::Label(value.to_owned()),
            (None, Some(labels)) if !labels.is_empty() => Self::NoLabel,
            (None, _) => Self::NoLabels,
        }
    }

    fn test(&self) -> Value {
        let path = format!("/metadata/labels/{}", escaped(COMPLETED));
        match self {
            Self::NoLabels => test("/metadata/labels", &Value::Null),
            Self::NoLabel => test(&path, &Value::Null),
            Self::Label(value) => test(&path, &json!(value)),
        }
    }
}

impl Place {
    fn additions(self, results: &[&TaskResult]) -> Vec<Value> {
        let nodes = || -> Value { results.iter().map(|r| (r.id.clone(), r.result.clone())).collect() };
        // To the API server's patcher, what is not there equals null.
        let new = |path, value: Value| vec![test(path, &Value::Null), add(path, &value)];
        match self {
            Self::NoStatus => new("/status", json!({"nodes": nodes()})),
            Self::NoNodes => new("/status/nodes", nodes()),
            Self::Nodes => {
                let one = |r: &&TaskResult| add(&format!("/status/nodes/{}", escaped(&r.id)), &r.result);
                results.iter().map(one).collect()
            }
        }
    }
}

pub(super) fn test(path: &str, value: &Value) -> Value {
    json!({"op": "test", "path": path, "value": value})
}

fn add(path: &str, value: &Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

/// A key as JSON Pointer (RFC 6901) writes it.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
