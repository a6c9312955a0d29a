//! The little that is read of a WorkflowTaskSet. One may be 1.5 MB, most of it other agents' templates and all outputs:
//! they are dropped as they are parsed. Nothing in it makes parsing fail, or one odd object would hide all others.

use std::collections::BTreeMap;
use std::fmt;

use kube::api::{Object, ObjectMeta};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TaskSetId, TaskSetState};
use crate::kube::report::Form;

/// `"true"` when the workflow has ended. Tasks may be left behind: nobody waits for them.
pub(super) const COMPLETED: &str = "workflows.argoproj.io/completed";

/// A WorkflowTaskSet.
pub(in crate::kube) type TaskSetObject = Object<Spec, Status>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::kube) struct Spec {
    /// Those for a plugin, whosesoever it is.
    #[serde(deserialize_with = "plugin_tasks")]
    pub(in crate::kube) tasks: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::kube) struct Status {
    pub(in crate::kube) nodes: Option<BTreeMap<String, Node>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::kube) struct Node {
    phase: Option<String>,
}

/// Whether its workflow has ended.
pub(in crate::kube) fn completed(metadata: &ObjectMeta) -> bool {
    metadata.labels.as_ref().and_then(|labels| labels.get(COMPLETED)).is_some_and(|value| value == "true")
}

impl TaskSetId {
    pub(super) fn of(metadata: &ObjectMeta) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Self { namespace: text(&metadata.namespace), name: text(&metadata.name), uid: text(&metadata.uid) }
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
        let owner = object.metadata.owner_references.into_iter().flatten().find(|o| o.kind == "Workflow");
        Self {
            id,
            workflow: owner.map(|owner| owner.uid).unwrap_or_default(),
            created: object.metadata.creation_timestamp.map(|time| time.0),
            resource_version: object.metadata.resource_version.unwrap_or_default(),
            completed,
            tasks,
            phases,
            form,
        }
    }
}

/// One template at a time, so that what is not for a plugin is never held together.
fn plugin_tasks<'de, D: Deserializer<'de>>(tasks: D) -> Result<BTreeMap<String, Value>, D::Error> {
    tasks.deserialize_any(PluginTasks)
}

struct PluginTasks;

impl<'de> Visitor<'de> for PluginTasks {
    type Value = BTreeMap<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("templates by node id")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut tasks = BTreeMap::new();
        while let Some((id, template)) = map.next_entry::<String, Value>()? {
            if template["plugin"].is_object() {
                tasks.insert(id, template);
            }
        }
        Ok(tasks)
    }
}
