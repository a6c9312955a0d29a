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
