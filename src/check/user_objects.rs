//! Objects that users wrote for Argo: the templates that workflows of the namespace share, and its workflows that have not ended.

use serde_json::Value;

use super::Doctor;
use crate::kube::ReadError;
use crate::templates;

/// The kinds that hold templates: whether they are namespaced, and the path of the templates.
pub(super) const KINDS: [(&str, bool, &str); 3] = [
    ("WorkflowTemplate", true, "/spec"),
    ("CronWorkflow", true, "/spec/workflowSpec"),
    ("ClusterWorkflowTemplate", false, "/spec"),
];

/// An object with templates.
#[derive(Debug)]
pub(super) struct UserObject {
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// A workflow's spec.
    pub(super) spec: Value,
}

/// The objects that could be read.
#[derive(Debug, Default)]
pub(super) struct UserObjects {
    pub(super) objects: Vec<UserObject>,
    /// The reason why templates or workflows could not be read.
    pub(super) unread: Option<ReadError>,
    pub(super) unread_workflows: Option<ReadError>,
}

impl Doctor {
    /// Reads all objects that users wrote for the workflows' namespace.
    pub(super) async fn user_objects(&self) -> UserObjects {
        let (cluster, mut written) = (&self.engine.cluster, UserObjects::default());
        let namespace = &self.site.namespace;
        for (kind, is_namespaced, path) in KINDS {
            match cluster.list_argo(kind, is_namespaced.then_some(namespace)).await {
                Ok(objects) => {
                    written.objects.extend(objects.iter().map(|object| UserObject::of(kind, object, path)))
                }
                // An Argo that is installed for one namespace has no cluster-wide kind.
                Err(ReadError::NoSuchKind(_)) if !is_namespaced => {}
                Err(error) => written.unread = Some(error),
            }
        }
        match cluster.unfinished_workflows(namespace).await {
            Ok(objects) => written
                .objects
                .extend(objects.iter().map(|object| UserObject::of("Workflow", object, "/spec"))),
            Err(error) => written.unread_workflows = Some(error),
        }
        written
    }
}

impl UserObjects {
    /// Whether a template has a step that submits workflows.
    pub(super) fn submit(&self) -> bool {
        let templates = self.objects.iter().flat_map(UserObject::templates);
        templates.into_iter().any(|(_, template)| submits(&template["plugin"][templates::OURS]))
    }
}

/// Whether a step submits workflows, by itself or in an entry of `steps`.
fn submits(body: &Value) -> bool {
    let entries = body["steps"].as_array();
    !body["select"]["services"].is_null()
        || !body["poll"].is_null()
        || entries.is_some_and(|entries| entries.iter().any(submits))
}

impl UserObject {
    /// Reads the object; the workflow's spec is at `path`.
    pub(super) fn of(kind: &'static str, object: &Value, path: &str) -> Self {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        Self { kind, name, spec: object.pointer(path).cloned().unwrap_or_default() }
    }

    /// The object's name in a finding.
    pub(super) fn place(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }

    /// Its templates, including those inside steps and tasks, with the name of the outermost.
    pub(super) fn templates(&self) -> Vec<(&str, &Value)> {
        templates::of_spec(&self.spec).into_iter().map(|placed| (placed.name, placed.template)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_that_submit_are_found_wherever_they_stand() {
        let steps = |body: Value| json!({"steps": [{"build": {}}, body]});
        for (body, expected) in [
            (json!({"select": {"services": [{"name": "api"}]}}), true),
            (json!({"poll": {}}), true),
            (steps(json!({"when": true, "select": {"services": "[]"}})), true),
            (json!({"select": {"paths": "a"}}), false),
            (steps(json!({"supersede": {}})), false),
            (json!("{{body}}"), false),
        ] {
            let spec = json!({"templates": [{"name": "a", "plugin": {"buildkit": body}}]});
            let objects = vec![UserObject { kind: "WorkflowTemplate", name: "a".to_owned(), spec }];
            assert_eq!(UserObjects { objects, ..UserObjects::default() }.submit(), expected, "{body}");
        }
    }
}
