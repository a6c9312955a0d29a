//! The fields that are read from a WorkflowTaskSet. A set may be 1.5 MB, most of it outputs and templates of other
//! agents; the parser drops those. No content makes parsing fail, because one odd object would then hide all others.

use std::collections::BTreeMap;

use kube::api::{Object, ObjectMeta};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The label with the value `"true"` when the workflow has ended. Tasks may be left in the set, but Argo does not
/// wait for them.
pub(super) const COMPLETED: &str = "workflows.argoproj.io/completed";

/// Replaces a plugin's body that is nested deeper than a parser's stack should be.
const TOO_DEEP: &str = "nested too deeply to be read";

/// Identifies a WorkflowTaskSet. A set that was deleted and created again has another uid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskSetId {
    /// The namespace of the set and of its workflow.
    pub namespace: String,
    /// The name of the set and of its workflow.
    pub name: String,
    /// The uid of the set itself.
    pub uid: String,
}

/// A WorkflowTaskSet.
pub(super) type TaskSetObject = Object<Spec, Status>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    /// The templates of the nodes of all plugins, by node id.
    #[serde(deserialize_with = "plugin_tasks")]
    pub(super) tasks: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    #[serde(deserialize_with = "lenient")]
    pub(super) nodes: Option<BTreeMap<String, TaskSetNode>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TaskSetNode {
    pub(super) phase: Option<String>,
}

/// Whether the set's workflow has ended.
pub(super) fn completed(metadata: &ObjectMeta) -> bool {
    metadata.labels.as_ref().and_then(|labels| labels.get(COMPLETED)).is_some_and(|value| value == "true")
}

/// The uid of the workflow that owns the set.
pub(super) fn owner(metadata: &ObjectMeta) -> Option<String> {
    let mut owners = metadata.owner_references.iter().flatten();
    owners.find(|owner| owner.kind == "Workflow").map(|owner| owner.uid.clone())
}

impl TaskSetId {
    pub(super) fn of(metadata: &ObjectMeta) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Self { namespace: text(&metadata.namespace), name: text(&metadata.name), uid: text(&metadata.uid) }
    }
}

/// Reads the templates for plugins and skips everything else. Anybody who may submit workflows writes this text, with
/// any depth of nesting. So it is split without parsing the templates, and then each template is parsed alone.
fn plugin_tasks<'de, D: Deserializer<'de>>(tasks: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let text = Box::<RawValue>::deserialize(tasks)?;
    let tasks: BTreeMap<String, &RawValue> = serde_json::from_str(text.get()).unwrap_or_default();
    Ok(tasks.into_iter().filter_map(|(id, template)| Some((id, plugin_template(template.get())?))).collect())
}

/// Reads a template if it is for a plugin. If it is nested too deeply, only the plugin's name is kept.
fn plugin_template(text: &str) -> Option<Value> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        plugin: BTreeMap<String, &'a RawValue>,
    }
    let head: Head<'_> = serde_json::from_str(text).ok()?;
    let read = serde_json::from_str(text);
    Some(read.unwrap_or_else(|_| {
        let plugin: BTreeMap<_, _> = head.plugin.into_keys().map(|name| (name, TOO_DEEP)).collect();
        json!({"plugin": plugin})
    }))
}

/// Reads a value; `None` if it has another type.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(value: D) -> Result<Option<T>, D::Error> {
    let text = Box::<RawValue>::deserialize(value)?;
    Ok(serde_json::from_str(text.get()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tasks: &str) -> BTreeMap<String, Value> {
        let text = format!(r#"{{"metadata": {{}}, "spec": {{"tasks": {tasks}}}, "status": {{"nodes": 7}}}}"#);
        let object: TaskSetObject =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(object.status.is_some_and(|status| status.nodes.is_none()));
        object.spec.tasks
    }

    #[test]
    fn no_template_hides_another() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let ours = r#"{"name": "a", "plugin": {"buildkit": {"build": {}}}}"#;
        let tasks = read(&format!(
            r#"{{"ours": {ours}, "deep": {{"plugin": {{"buildkit": {deep}}}}}, "http": {{"http": {deep}}}, "odd": [], "no": {{"plugin": 1}}}}"#
        ));
        assert_eq!(tasks.keys().collect::<Vec<_>>(), ["deep", "ours"]);
        assert_eq!(tasks["deep"], json!({"plugin": {"buildkit": TOO_DEEP}}));
        assert_eq!(tasks["ours"]["plugin"]["buildkit"], json!({"build": {}}));
        for odd in ["null", "[]", "7", "\"x\""] {
            assert!(read(odd).is_empty(), "{odd}");
        }
    }
}
