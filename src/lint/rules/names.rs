//! Templates that are named and are not there.

use serde_json::Value;

use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::{ArgoObject, Given, template_kind};
use crate::step::hint;
use crate::templates::{children, hooks};

/// References of steps, tasks and workflows to templates that do not exist, or are not among the files.
pub(super) fn unknown_templates<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in &given.objects {
        let mut tell = |template: &str, pointer: String, wrong: Option<Wrong>| {
            found.extend(wrong.map(|wrong| RuleMatch {
                object,
                template: template.to_owned(),
                pointer: format!("{pointer}{}", wrong.pointer),
                at: At::Value,
                severity: wrong.severity,
                problem: wrong.problem,
                help: wrong.help,
            }));
        };
        let whole = &object.spec["workflowTemplateRef"];
        tell("", format!("{}/workflowTemplateRef", object.spec_pointer), foreign(given, whole));
        for name in ["entrypoint", "onExit"] {
            let own = if whole.is_null() { local(object, &object.spec[name]) } else { None };
            tell("", format!("{}/{name}", object.spec_pointer), own);
        }
        for (own, hook) in hooks(object.spec) {
            let pointer = format!("{}{own}", object.spec_pointer);
            let own = if whole.is_null() { local(object, &hook["template"]) } else { None };
            tell("", format!("{pointer}/template"), own);
            tell("", format!("{pointer}/templateRef"), foreign(given, &hook["templateRef"]));
        }
        for placed in object.templates() {
            for (own, child) in children(placed.template) {
                let pointer = format!("{}{own}", placed.pointer);
                tell(placed.name, format!("{pointer}/template"), local(object, &child["template"]));
                tell(placed.name, format!("{pointer}/templateRef"), foreign(given, &child["templateRef"]));
                tell(placed.name, format!("{pointer}/onExit"), local(object, &child["onExit"]));
            }
        }
    }
}

/// What is wrong with a name, and where.
struct Wrong {
    pointer: &'static str,
    severity: DiagnosticLevel,
    problem: String,
    help: String,
}

/// The name of a template of the object itself.
fn local(object: &ArgoObject<'_>, name: &Value) -> Option<Wrong> {
    let name = written(name)?;
    let known = || object.template_names();
    let is_known = object.template(name).is_some();
    let problem = || format!("there is no template `{name}` here{}", hint(name, known()));
    let wrong =
        || Wrong { pointer: "", severity: DiagnosticLevel::Error, problem: problem(), help: listed(known()) };
    (!is_known).then(wrong)
}

/// The name of an object, and of a template in it.
fn foreign(given: &Given<'_>, reference: &Value) -> Option<Wrong> {
    let (kind, name) = (template_kind(reference), written(&reference["name"])?);
    let Some(object) = given.find(kind, name) else {
        let same = || given.objects.iter().filter(|object| object.kind == kind).map(|object| object.name);
        same().next()?;
        let problem = format!("there is no {kind} `{name}` in the files{}", hint(name, same()));
        let help = "correct the name, or lint its file too".to_owned();
        return Some(Wrong { pointer: "/name", severity: DiagnosticLevel::Warning, problem, help });
    };
    let template = written(&reference["template"])?;
    let problem = || {
        let near = hint(template, object.template_names());
        format!("{kind} `{name}` has no template `{template}`{near}")
    };
    let (pointer, severity) = ("/template", DiagnosticLevel::Error);
    let wrong = || Wrong { pointer, severity, problem: problem(), help: listed(object.template_names()) };
    object.template(template).is_none().then(wrong)
}

/// A name that is written out.
fn written(name: &Value) -> Option<&str> {
    name.as_str().filter(|name| !name.is_empty() && !name.contains("{{"))
}

fn listed<'a>(known: impl Iterator<Item = &'a str>) -> String {
    let known = known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if known.is_empty() { String::new() } else { format!("it has {known}") }
}
