//! Braces that are not closed.

use super::super::expression::texts;
use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::{ArgoObject, Given};
use crate::templates::{children, is_open, is_ours, parameters};

/// Parameters, and texts of our steps, with a `{{` that has no `}}`.
pub(super) fn open<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in &given.objects {
        for (template, pointer, text) in judged(object).into_iter().filter(|(.., text)| is_open(text)) {
            let last = text.rfind("{{").map_or(text, |at| &text[at..]);
            let help = if template.is_empty() {
                "close it, or leave it out; otherwise the workflow is never begun, and the controller's log alone says why"
            } else {
                "close it, or leave it out; otherwise the node ends with `Cannot find end tag`"
            };
            found.push(RuleMatch {
                object,
                template,
                pointer,
                at: At::Text(last.lines().next().unwrap_or_default().to_owned()),
                severity: DiagnosticLevel::Error,
                problem: "a `{{` without a `}}`, which Argo takes for the beginning of a reference"
                    .to_owned(),
                help: help.to_owned(),
            });
        }
    }
}

/// The texts that are judged: template, JSON pointer, text.
fn judged<'a>(object: &ArgoObject<'a>) -> Vec<(String, String, &'a str)> {
    let values = |template: &str, pointer: String, place: &'a serde_json::Value| {
        let template = template.to_owned();
        let all = parameters(place).flat_map(move |(own, parameter)| {
            let (template, pointer) = (template.clone(), format!("{pointer}{own}"));
            ["value", "default"].into_iter().filter_map(move |key| {
                Some((template.clone(), format!("{pointer}/{key}"), parameter[key].as_str()?))
            })
        });
        all.collect::<Vec<_>>()
    };
    let mut all = values("", format!("{}/arguments", object.spec_pointer), &object.spec["arguments"]);
    for placed in object.templates() {
        let (name, pointer) = (placed.name, &placed.pointer);
        all.extend(values(name, format!("{pointer}/inputs"), &placed.template["inputs"]));
        for (own, child) in children(placed.template) {
            all.extend(values(name, format!("{pointer}{own}/arguments"), &child["arguments"]));
        }
        if is_ours(placed.template) {
            let body = texts(&placed.template["plugin"], &format!("{pointer}/plugin"), &[]);
            all.extend(body.into_iter().map(|(pointer, text)| (name.to_owned(), pointer, text)));
        }
    }
    all
}
