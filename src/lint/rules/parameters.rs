//! Expressions that name parameters.

use super::super::expression::{NameReference, ReferredName, referred, texts};
use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::{ArgoObject, Given};
use super::super::scope::{KnownParameters, Parameters};
use crate::step::hint;
use crate::templates::DEFAULTS;

/// References to parameters that nothing declares.
pub(super) fn unknown<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in &given.objects {
        for placed in object.templates() {
            let scope = KnownParameters::of(given, object, placed.template);
            let inputs_are_known = placed.name != DEFAULTS;
            for (pointer, text) in texts(placed.template, &placed.pointer, &["inline"]) {
                for reference in referred(&pointer, text) {
                    let missing = match &reference.name {
                        ReferredName::Input(name) if inputs_are_known => missing(name, Some(&scope.inputs)),
                        ReferredName::Workflow(name) => missing(name, scope.arguments.as_ref()),
                        _ => None,
                    };
                    if let Some(near) = missing {
                        found.push(finding(object, placed.name, pointer.clone(), &reference, &near));
                    }
                }
            }
        }
    }
}

/// The hint for a name that is not among the declared ones.
fn missing(name: &str, declared: Option<&Parameters>) -> Option<String> {
    let declared = declared.filter(|declared| !declared.contains_key(name))?;
    Some(hint(name, declared.keys().map(String::as_str)))
}

fn finding<'a>(
    object: &'a ArgoObject<'a>,
    template: &str,
    pointer: String,
    reference: &NameReference,
    near: &str,
) -> RuleMatch<'a> {
    let is_input = matches!(reference.name, ReferredName::Input(_));
    // A template of another object's workflow has that workflow's parameters.
    let is_sure = !reference.is_expression && (is_input || !object.kind.ends_with("Template"));
    let place = if is_input { "`inputs.parameters` of the template" } else { "`spec.arguments.parameters`" };
    RuleMatch {
        object,
        template: template.to_owned(),
        pointer,
        at: At::Text(reference.written.clone()),
        severity: if is_sure { DiagnosticLevel::Error } else { DiagnosticLevel::Warning },
        problem: format!("no parameter declares `{}`{near}", reference.written),
        help: format!("declare it under {place}, or correct the name"),
    }
}
