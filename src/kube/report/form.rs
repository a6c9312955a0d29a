//! How a patch of a WorkflowTaskSet must be written, given what it has already.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::TaskResult;
use crate::kube::task_set::{TaskSetObject, completed};

/// What decides at one version of a WorkflowTaskSet whether a report of it is due, and how it is written. It is small.
///
/// The patch is for that version only. A `test` of the task's template would be spared some refusals, but the API
/// server compares as Go writes JSON: `<`, `&` and some numbers differ from themselves as others write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    version: String,
    place: Place,
    /// The digests of the `plugin` objects of the nodes that Argo waits for, by node id.
    waiting: BTreeMap<String, [u8; 32]>,
}

/// How much of `/status/nodes` is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    NoStatus,
    NoNodes,
    Nodes,
}

impl Form {
    /// The form of `object`.
    pub(in crate::kube) fn of(object: &TaskSetObject) -> Self {
        let place = match &object.status {
            None => Place::NoStatus,
            Some(status) if status.nodes.is_none() => Place::NoNodes,
            Some(_) => Place::Nodes,
        };
        let tasks = object.spec.tasks.iter().filter(|_| !completed(&object.metadata));
        let waiting = tasks.map(|(id, template)| (id.clone(), digest(&template["plugin"]))).collect();
        Self { version: object.metadata.resource_version.clone().unwrap_or_default(), place, waiting }
    }

    /// Whether Argo waits for this result.
    pub(super) fn awaits(&self, result: &TaskResult) -> bool {
        self.waiting.get(&result.id).is_some_and(|waiting| *waiting == digest(&result.guard))
    }

    /// The operations that report `results` to the object `uid` at this version, or nothing of them.
    pub(super) fn operations(&self, uid: &str, results: &[&TaskResult]) -> Vec<Value> {
        let mut operations = vec![is(uid), test("/metadata/resourceVersion", &self.version)];
        operations.extend(self.place.additions(results));
        operations
    }
}

impl Place {
    fn additions(self, results: &[&TaskResult]) -> Vec<Value> {
        let nodes = || -> Value { results.iter().map(|r| (r.id.clone(), r.result.clone())).collect() };
        match self {
            Self::NoStatus => vec![add("/status", &json!({"nodes": nodes()}))],
            Self::NoNodes => vec![add("/status/nodes", &nodes())],
            Self::Nodes => {
                let one = |r: &&TaskResult| add(&format!("/status/nodes/{}", escaped(&r.id)), &r.result);
                results.iter().map(one).collect()
            }
        }
    }
}

/// A test that the object has this uid, and is not another of the same name.
pub(super) fn is(uid: &str) -> Value {
    test("/metadata/uid", uid)
}

fn test(path: &str, value: &str) -> Value {
    json!({"op": "test", "path": path, "value": value})
}

fn add(path: &str, value: &Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

/// A key as JSON Pointer (RFC 6901) writes it.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Keys are sorted in a [`Value`], so equal ones are written alike.
fn digest(plugin: &Value) -> [u8; 32] {
    Sha256::digest(plugin.to_string()).into()
}
