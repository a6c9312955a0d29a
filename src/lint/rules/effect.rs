//! Fields that Argo does not heed for plugin nodes.

use serde_json::Value;

use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::{ArgoObject, Given};
use crate::templates::{is_ours, runs_ours, without_effect as fields};

/// Fields of templates and workflows without effect.
pub(super) fn without_effect<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in &given.objects {
        let mut has_ours = workflow_template(given, object).is_some_and(|other| {
            other.templates().iter().any(|placed| judged(given, other, placed.template))
        });
        for placed in object.templates() {
            let is_judged = judged(given, object, placed.template);
            has_ours |= is_judged;
            for field in fields(placed.template, is_judged) {
                let pointer = format!("{}{field}", placed.pointer);
                found.push(ignored(object, placed.name, pointer));
            }
        }
        if has_ours && !object.spec["parallelism"].is_null() {
            found.push(ignored(object, "", format!("{}/parallelism", object.spec_pointer)));
        }
    }
}

/// Whether a template has our plugin, or runs one that has.
fn judged<'a>(given: &'a Given<'a>, object: &'a ArgoObject<'a>, template: &'a Value) -> bool {
    runs_ours(template, |place, name| {
        let objects = given.objects.iter().filter(|other| match place {
            Some(place) => other.name == place,
            None => std::ptr::eq(*other, object),
        });
        objects.filter_map(|other| other.template(name)).any(is_ours)
    })
}

fn workflow_template<'a>(given: &'a Given<'a>, object: &ArgoObject<'a>) -> Option<&'a ArgoObject<'a>> {
    let reference = &object.spec["workflowTemplateRef"];
    given.find(super::super::objects::template_kind(reference), reference["name"].as_str()?)
}

fn ignored<'a>(object: &'a ArgoObject<'a>, template: &str, pointer: String) -> RuleMatch<'a> {
    let field = pointer.rsplit('/').next().unwrap_or_default();
    RuleMatch {
        object,
        template: template.to_owned(),
        problem: format!("Argo does not heed `{field}` for plugin nodes"),
        help: "docs/steps.md says what does the same (\"What Argo ignores\")".to_owned(),
        pointer,
        at: At::Key,
        severity: DiagnosticLevel::Warning,
    }
}
