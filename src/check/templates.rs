//! Templates that no component executes when agent pods do not start: `http`, and plugins other than ours.

use serde_json::Value;

use super::api_login::unread;
use super::user_objects::{UserObject, UserObjects};
use super::{ExecutionMode, Finding};
use crate::kube::ReadError;
use crate::templates::OURS;
use crate::text;

const SUBJECT: &str = "HTTP templates and other plugins";
/// The most templates that a finding names.
const NAMED: usize = 5;

impl UserObjects {
    /// Checks the templates that the workflows of `namespace` share.
    pub(super) fn foreign(&self, namespace: &str, mode: ExecutionMode) -> Finding {
        let shared = self.objects.iter().filter(|object| object.kind != "Workflow");
        let foreign: Vec<_> = shared.flat_map(foreign).collect();
        judge(&foreign, self.unread.as_ref(), namespace, mode)
    }
}

fn judge(
    foreign: &[String],
    unreadable: Option<&ReadError>,
    namespace: &str,
    mode: ExecutionMode,
) -> Finding {
    match (foreign, unreadable) {
        ([], Some(error)) => unread(SUBJECT, error),
        ([], None) => {
            Finding::ok(SUBJECT, format!("no template that workflows of {namespace} share has one"))
        }
        (all, _) => {
            let named = text::first(all, NAMED);
            let elsewhere = match mode {
                ExecutionMode::Flag => "",
                ExecutionMode::Gate | ExecutionMode::Sidecar => {
                    ", or run their workflows in a namespace with agent pods"
                }
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

/// The templates of an object that are not ours.
fn foreign(object: &UserObject) -> Vec<String> {
    let of_template = |(within, template): (&str, &Value)| {
        let http = template.get("http").map(|_| "http".to_owned());
        let what = http.into_iter().chain(plugin_of(template).map(|plugin| format!("plugin {plugin}")));
        let place = object.place();
        what.map(|what| format!("{place} ({what} in template {within})")).collect::<Vec<_>>()
    };
    object.templates().into_iter().flat_map(of_template).collect()
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

    fn user_objects(kind: &'static str, templates: &Value) -> UserObjects {
        let spec = json!({"templates": templates});
        UserObjects {
            objects: vec![UserObject { kind, name: "x".to_owned(), spec }],
            ..UserObjects::default()
        }
    }

    #[test]
    fn templates_of_others_are_found_where_they_stand() {
        let mut written = user_objects("WorkflowTemplate", &templates());
        insta::assert_snapshot!(written.foreign("builds", ExecutionMode::Gate).to_string(), @r#"warn HTTP templates and other plugins: WorkflowTemplate x (http in template call), WorkflowTemplate x (plugin slack in template tell), WorkflowTemplate x (http in template all), WorkflowTemplate x (plugin hello in template dag): no agent pod runs here, so such a step stays Pending for ever and no message says so (a plugin's unless it has a shared agent too); make it a pod, or run their workflows in a namespace with agent pods"#);
        let cron = json!({"metadata": {"name": "x"}, "spec": {"workflowSpec": {"templates": templates()}}});
        written.objects.push(UserObject::of("CronWorkflow", &cron, "/spec/workflowSpec"));
        let said = written.foreign("builds", ExecutionMode::Flag).to_string();
        assert!(said.contains(" and 3 more: ") && said.ends_with("make it a pod"), "{said}");
    }

    #[test]
    fn templates_of_ours_are_well() {
        let ours = user_objects("WorkflowTemplate", &json!([templates()[0]]));
        let said = ours.foreign("builds", ExecutionMode::Gate).to_string();
        assert!(said.starts_with("ok "), "{said}");
        let unread = Some(ReadError::Forbidden("list cronworkflows in namespace builds".to_owned()));
        let said = UserObjects { unread, ..UserObjects::default() }
            .foreign("builds", ExecutionMode::Gate)
            .to_string();
        assert!(said.starts_with("skip"), "{said}");
    }
}
