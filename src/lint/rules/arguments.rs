//! Parameters that are passed to a template, or to a workflow made of one.

use serde_json::Value;

use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::{ArgoObject, Given, template_kind};
use crate::step::hint;
use crate::templates::{DEFAULTS, children, parameters};

/// Where parameters are passed, and what takes them.
struct Call<'a> {
    object: &'a ArgoObject<'a>,
    template: &'a str,
    /// The JSON pointer of the place that has `arguments`.
    pointer: String,
    passed: &'a Value,
    /// Its `inputs`, or `spec.arguments`.
    taken: &'a Value,
    /// The name of what takes them.
    callee: String,
}

fn calls<'a>(given: &'a Given<'a>) -> Vec<Call<'a>> {
    let mut all = Vec::new();
    for object in &given.objects {
        let reference = &object.spec["workflowTemplateRef"];
        let whole = reference["name"].as_str().and_then(|name| given.find(template_kind(reference), name));
        all.extend(whole.map(|whole| Call {
            object,
            template: "",
            pointer: object.spec_pointer.clone(),
            passed: &object.spec["arguments"],
            taken: &whole.spec["arguments"],
            callee: format!("{} `{}`", whole.kind, whole.name),
        }));
        for placed in object.templates() {
            for (own, child) in children(placed.template) {
                let Some((run, place)) = given.run_by(object, child) else { continue };
                // The defaults of its object declare inputs too.
                if place.spec[DEFAULTS]["inputs"].is_object() || child.get("inline").is_some() {
                    continue;
                }
                all.push(Call {
                    object,
                    template: placed.name,
                    pointer: format!("{}{own}", placed.pointer),
                    passed: &child["arguments"],
                    taken: &run["inputs"],
                    callee: format!("the template `{}`", run["name"].as_str().unwrap_or_default()),
                });
            }
        }
    }
    all
}

fn names(place: &Value) -> impl Iterator<Item = &str> {
    parameters(place).filter_map(|(_, parameter)| parameter["name"].as_str())
}

/// Parameters that are passed, and that nothing takes.
pub(super) fn unknown<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for call in calls(given) {
        for (own, parameter) in parameters(call.passed) {
            let name = parameter["name"].as_str().unwrap_or_default();
            if name.is_empty() || name.contains("{{") || names(call.taken).any(|known| known == name) {
                continue;
            }
            let known = names(call.taken).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {known}") };
            found.push(RuleMatch {
                object: call.object,
                template: call.template.to_owned(),
                pointer: format!("{}/arguments{own}/name", call.pointer),
                at: At::Value,
                severity: DiagnosticLevel::Error,
                problem: format!(
                    "{} has no parameter `{name}`{}",
                    call.callee,
                    hint(name, names(call.taken))
                ),
                help: format!("{known}; Argo ignores this one without a message"),
            });
        }
    }
}

/// Parameters without a value that are not passed.
pub(super) fn missing<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for call in calls(given)
        .into_iter()
        .filter(|call| !call.template.is_empty() || !call.object.kind.ends_with("Template"))
    {
        for (_, parameter) in parameters(call.taken) {
            let has_value = ["value", "valueFrom", "default"].iter().any(|key| !parameter[key].is_null());
            let name = parameter["name"].as_str().unwrap_or_default();
            if has_value || name.is_empty() || names(call.passed).any(|passed| passed == name) {
                continue;
            }
            found.push(RuleMatch {
                object: call.object,
                template: call.template.to_owned(),
                pointer: format!("{}/arguments", call.pointer),
                at: At::Key,
                severity: DiagnosticLevel::Error,
                problem: format!("{} needs the parameter `{name}`, which is not passed", call.callee),
                help: format!("write `{{name: {name}, value: …}}` under `arguments.parameters`; Argo refuses the workflow otherwise"),
            });
        }
    }
}
