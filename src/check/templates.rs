//! Templates that nobody executes where no agent pod starts: `http`, and plugins other than ours.

use serde_json::Value;

use super::session::unread;
use super::{Doctor, Finding, Mode};
use crate::kube::ReadError;

/// Our key under `plugin`.
pub(super) const OURS: &str = "buildkit";

const SUBJECT: &str = "HTTP templates and other plugins";
/// As many are named.
const NAMED: usize = 5;

/// The kinds that hold templates: whether they have namespaces, and where the templates are.
pub(super) const KINDS: [(&str, bool, &str); 3] = [
    ("WorkflowTemplate", true, "/spec"),
    ("CronWorkflow", true, "/spec/workflowSpec"),
    ("ClusterWorkflowTemplate", false, "/spec"),
];

/// What templates were read, and why others were not.
#[derive(Debug, Default)]
struct Read {
    foreign: Vec<String>,
    unread: Option<ReadError>,
}

impl Doctor {
    /// The templates that workflows of the namespace may use.
    pub(super) async fn templates(&self, mode: Mode) -> Finding {
        let mut read = Read::default();
        for (kind, is_namespaced, path) in KINDS {
            let namespace = is_namespaced.then_some(self.site.namespace.as_str());
            match self.engine.cluster.list_argo(kind, namespace).await {
                Ok(objects) => {
                    read.foreign.extend(objects.iter().flat_map(|object| foreign(kind, object, path)))
                }
                // Argo installed for one namespace has no cluster-wide kind.
                Err(ReadError::NoSuchKind(_)) if !is_namespaced => {}
                Err(error) => read.unread = Some(error),
            }
        }
        judge(&read, &self.site.namespace, mode)
    }
}

fn judge(read: &Read, namespace: &str, mode: Mode) -> Finding {
    match (read.foreign.as_slice(), &read.unread) {
        ([], Some(error)) => unread(SUBJECT, error),
        ([], None) => {
            Finding::ok(SUBJECT, format!("no template that workflows of {namespace} share has one"))
        }
        (all, _) => {
            let mut named = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            if all.len() > NAMED {
                named.push_str(&format!(" and {} more", all.len() - NAMED));
            }
            let elsewhere = match mode {
                Mode::Flag => "",
                Mode::Gate | Mode::Sidecar => ", or run their workflows in a namespace with agent pods",
            };
            Finding::warn(
                SUBJECT,
                format!(
                    "{named}: no agent pod runs here, so such a step stays Pending for ever and no message says so \
                     (a plugin's unless it has a shared agent too); make it a pod{elsewhere}"
                ),
            )
        }
    }
}

/// What of an object's templates is not ours.
fn foreign(kind: &str, object: &Value, path: &str) -> Vec<String> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let templates = object.pointer(path).and_then(|spec| spec["templates"].as_array());
    let of_template = |template: &Value| {
        let what = executors(template);
        let within = template["name"].as_str().unwrap_or_default().to_owned();
        what.into_iter()
            .map(move |what| format!("{kind} {name} ({what} in template {within})"))
            .collect::<Vec<_>>()
    };
    templates.into_iter().flatten().flat_map(of_template).collect()
}

/// `http`, and the plugins other than ours, of a template and of those inside it.
fn executors(template: &Value) -> Vec<String> {
    let mut found: Vec<_> = template.get("http").map(|_| "http".to_owned()).into_iter().collect();
    found.extend(plugin_of(template).map(|plugin| format!("plugin {plugin}")));
    // `steps` is a list of lists, whose items may hold a template each, as a DAG's tasks may.
    let steps = template["steps"].as_array().into_iter().flatten();
    let steps = steps.flat_map(|group| group.as_array().into_iter().flatten());
    let tasks = template["dag"]["tasks"].as_array().into_iter().flatten();
    found.extend(steps.chain(tasks).filter_map(|step| step.get("inline")).flat_map(executors));
    found
}

/// The plugin that a template is for, if it is not ours.
pub(super) fn plugin_of(template: &Value) -> Option<&str> {
    let keys = template.get("plugin")?.as_object()?;
    keys.keys().map(String::as_str).find(|key| *key != OURS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn templates() -> Value {
        json!([
            {"name": "build", "plugin": {"buildkit": {}}},
            {"name": "call", "http": {"url": "https://example.com"}},
            {"name": "tell", "plugin": {"slack": {}}},
            {"name": "all", "steps": [[{"name": "a", "inline": {"http": {}}}], [{"name": "b", "template": "call"}]]},
            {"name": "dag", "dag": {"tasks": [{"name": "a", "inline": {"plugin": {"hello": {}}}}]}},
        ])
    }

    #[test]
    fn templates_of_others_are_found_where_they_stand() {
        let object = json!({"metadata": {"name": "x"}, "spec": {"templates": templates()}});
        let found = foreign("WorkflowTemplate", &object, "/spec");
        let read = Read { foreign: found, unread: None };
        insta::assert_snapshot!(judge(&read, "builds", Mode::Gate).to_string(), @r#"warn HTTP templates and other plugins: WorkflowTemplate x (http in template call), WorkflowTemplate x (plugin slack in template tell), WorkflowTemplate x (http in template all), WorkflowTemplate x (plugin hello in template dag): no agent pod runs here, so such a step stays Pending for ever and no message says so (a plugin's unless it has a shared agent too); make it a pod, or run their workflows in a namespace with agent pods"#);
        let cron = json!({"metadata": {"name": "x"}, "spec": {"workflowSpec": {"templates": templates()}}});
        let mut all = foreign("CronWorkflow", &cron, "/spec/workflowSpec");
        all.extend(read.foreign);
        let said = judge(&Read { foreign: all, unread: None }, "builds", Mode::Flag).to_string();
        assert!(said.contains(" and 3 more: ") && said.ends_with("make it a pod"), "{said}");
    }

    #[test]
    fn templates_of_ours_are_well() {
        let object = json!({"metadata": {"name": "x"}, "spec": {"templates": [templates()[0]]}});
        let foreign = foreign("WorkflowTemplate", &object, "/spec");
        let said = judge(&Read { foreign, unread: None }, "builds", Mode::Gate).to_string();
        assert!(said.starts_with("ok "), "{said}");
        let unread = Some(ReadError::Forbidden("list cronworkflows in namespace builds".to_owned()));
        let said = judge(&Read { unread, ..Read::default() }, "builds", Mode::Gate).to_string();
        assert!(said.starts_with("skip"), "{said}");
    }
}
