//! Expressions that name outputs of steps and tasks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::expression::{NameReference, ReferredName, referred, texts};
use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::{ArgoObject, Given};
use crate::step::hint;
use crate::templates::{Placed, children, parameters};

/// A reference to an output.
struct Named<'a> {
    object: &'a ArgoObject<'a>,
    placed: Placed<'a>,
    pointer: String,
    reference: NameReference,
    step: String,
    output: String,
}

impl<'a> Named<'a> {
    fn found(&self, problem: String, help: String) -> RuleMatch<'a> {
        let severity =
            if self.reference.is_expression { DiagnosticLevel::Warning } else { DiagnosticLevel::Error };
        let at = At::Text(self.reference.written.clone());
        let template = self.placed.name.to_owned();
        RuleMatch {
            object: self.object,
            template,
            pointer: self.pointer.clone(),
            at,
            severity,
            problem,
            help,
        }
    }

    fn steps(&self) -> BTreeMap<&'a str, &'a Value> {
        let children = children(self.placed.template);
        children.filter_map(|(_, child)| Some((child["name"].as_str()?, child))).collect()
    }
}

/// The references to outputs in templates that have steps of the same list.
fn named<'a>(given: &'a Given<'a>) -> Vec<Named<'a>> {
    let mut all = Vec::new();
    for object in &given.objects {
        for placed in object.templates() {
            let list = if placed.template.get("dag").is_some() { "tasks" } else { "steps" };
            for (pointer, text) in texts(placed.template, &placed.pointer, &["inline", "metadata"]) {
                for reference in referred(&pointer, text) {
                    let ReferredName::Output(own, step, output) = reference.name.clone() else { continue };
                    let is_judged = own == list && children(placed.template).next().is_some();
                    if is_judged {
                        let (placed, pointer) = (placed.clone(), pointer.clone());
                        all.push(Named { object, placed, pointer, reference, step, output });
                    }
                }
            }
        }
    }
    all
}

/// References to steps that are not there.
pub(super) fn unknown_steps<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for named in named(given) {
        let steps = named.steps();
        if !steps.contains_key(named.step.as_str()) {
            let step = &named.step;
            let near = hint(step, steps.keys().copied());
            found.push(
                named.found(format!("there is no step `{step}` here{near}"), listed(steps.into_keys())),
            );
        }
    }
}

/// References to outputs that the step's template does not declare.
pub(super) fn not_declared<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for named in named(given) {
        let run = named.steps().get(named.step.as_str()).and_then(|child| given.run_by(named.object, child));
        let Some((template, _)) = run else { continue };
        let declared = || parameters(&template["outputs"]).filter_map(|(_, one)| one["name"].as_str());
        if declared().any(|name| name == named.output) {
            continue;
        }
        let (step, output, near) = (&named.step, &named.output, hint(&named.output, declared()));
        let name = template["name"].as_str().map_or_else(String::new, |name| format!(" `{name}`"));
        let problem = format!("the template{name} of `{step}` declares no output `{output}`{near}");
        let help = "declare it under `outputs.parameters` of that template; otherwise the workflow hangs or fails here";
        let declared = listed(declared());
        let help = if declared.is_empty() { help.to_owned() } else { format!("{declared}; {help}") };
        found.push(named.found(problem, help));
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.is_empty() { String::new() } else { format!("it has {names}") }
}
