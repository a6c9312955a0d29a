//! The state of a WorkflowTaskSet that a report is based on, and the patch that follows from it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::TaskResult;
use crate::kube::task_set::{TaskSetObject, completed};
use crate::templates::stable_plugin;

/// The state of a WorkflowTaskSet at one version, as far as a report needs it: which results Argo waits for, and how
/// to write the patch. It is small.
///
/// A patch applies to that version only. A `test` of the task's template would be refused less often, but the API
/// server compares values as Go writes JSON: `<`, `&` and some numbers are not equal to themselves as other programs
/// write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBasis {
    version: String,
    presence: StatusPresence,
    /// The digests of the `plugin` objects that Argo waits for, by node id: of what tells one task from another.
    waiting: BTreeMap<String, [u8; 32]>,
}

/// Which part of the path `/status/nodes` exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatusPresence {
    NoStatus,
    NoNodes,
    Nodes,
}

impl ReportBasis {
    /// Reads the basis from `object`.
    pub(in crate::kube) fn of(object: &TaskSetObject) -> Self {
        let presence = match &object.status {
            None => StatusPresence::NoStatus,
            Some(status) if status.nodes.is_none() => StatusPresence::NoNodes,
            Some(_) => StatusPresence::Nodes,
        };
        let tasks = object.spec.tasks.iter().filter(|_| !completed(&object.metadata));
        let waiting =
            tasks.map(|(id, template)| (id.clone(), digest(&stable_plugin(&template["plugin"])))).collect();
        Self { version: object.metadata.resource_version.clone().unwrap_or_default(), presence, waiting }
    }

    /// Whether Argo waits for this result.
    pub(super) fn awaits(&self, result: &TaskResult) -> bool {
        self.waiting.get(&result.id).is_some_and(|waiting| *waiting == digest(&stable_plugin(&result.guard)))
    }

    /// The patch operations that write `results` to the object `uid` at this version, all or none.
    pub(super) fn operations(&self, uid: &str, results: &[&TaskResult]) -> Vec<Value> {
        let mut operations = vec![is(uid), test("/metadata/resourceVersion", &self.version)];
        operations.extend(self.presence.additions(results));
        operations
    }
}

impl StatusPresence {
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

/// A test that the object has this uid, and that it is not another object with the same name.
pub(super) fn is(uid: &str) -> Value {
    test("/metadata/uid", uid)
}

fn test(path: &str, value: &str) -> Value {
    json!({"op": "test", "path": path, "value": value})
}

fn add(path: &str, value: &Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

/// Escapes a key for a JSON Pointer (RFC 6901).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The digest of a `plugin` object. A [`Value`] sorts its keys, so equal objects have equal digests.
fn digest(plugin: &Value) -> [u8; 32] {
    Sha256::digest(plugin.to_string()).into()
}
