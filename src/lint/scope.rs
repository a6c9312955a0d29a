//! The parameters that a template's expressions may name, and their values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expression::{ReferredName, TextPart, parts, references};
use super::objects::{ArgoObject, Given, template_kind};
use crate::templates::{self, DEFAULTS};

/// Parameters by name; `None` if it is declared without a value.
pub(super) type Parameters = BTreeMap<String, Option<String>>;

/// What a template's expressions may name.
#[derive(Debug)]
pub(super) struct KnownParameters {
    /// The template's inputs.
    pub(super) inputs: Parameters,
    /// The workflow's arguments; `None` if they are not all known.
    pub(super) arguments: Option<Parameters>,
}

/// How often a parameter's value may name another one, which Argo substitutes in a second pass.
const DEPTH: usize = 3;

impl KnownParameters {
    pub(super) fn of(given: &Given<'_>, object: &ArgoObject<'_>, template: &Value) -> Self {
        let mut inputs = declared(&object.spec[DEFAULTS]["inputs"]);
        inputs.extend(declared(&template["inputs"]));
        Self { inputs, arguments: arguments(given, object) }
    }

    /// The value of a tag that is nothing but the name of a parameter with a value.
    fn value(&self, tag: &str, depth: usize) -> Option<String> {
        let found = references(tag);
        let [reference] = found.as_slice() else { return None };
        if reference.is_expression || reference.written != tag.trim() {
            return None;
        }
        let value = match &reference.name {
            ReferredName::Input(name) => self.inputs.get(name)?.as_ref(),
            ReferredName::Workflow(name) => self.arguments.as_ref()?.get(name)?.as_ref(),
            ReferredName::Output(..) => None,
        }?;
        self.filled(value, depth + 1).map(|parts| parts.concat())
    }

    /// `text` with the values of its parameters, in parts; `None` if one is not known.
    fn filled(&self, text: &str, depth: usize) -> Option<Vec<String>> {
        if depth > DEPTH {
            return None;
        }
        let part = |part| match part {
            TextPart::Text(text) => Some(text.to_owned()),
            TextPart::Tag(tag) => self.value(tag, depth),
        };
        parts(text).into_iter().map(part).collect()
    }

    /// The parts of `text`; `None` stands for a value that is not known. What is behind a `{{` without an end is not
    /// known either: the rule `open-braces` reports it.
    pub(super) fn fill(&self, text: &str) -> Vec<Option<String>> {
        let part = |part| match part {
            TextPart::Text(text) => match text.split_once("{{") {
                Some((before, _)) => vec![Some(before.to_owned()), None],
                None => vec![Some(text.to_owned())],
            },
            TextPart::Tag(tag) => vec![self.value(tag, 0)],
        };
        parts(text).into_iter().flat_map(part).collect()
    }
}

/// The parameters of `inputs` or `arguments`. An empty value counts as none: mostly something else is passed.
fn declared(place: &Value) -> Parameters {
    let all = templates::parameters(place).filter_map(|(_, parameter)| {
        let texts = [&parameter["value"], &parameter["default"], &parameter["enum"][0]];
        let text = texts.into_iter().find_map(shown).filter(|text| !text.is_empty());
        Some((parameter["name"].as_str()?.to_owned(), text))
    });
    all.collect()
}

/// A parameter's value as text, as Argo takes numbers and bools too.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The arguments of a workflow, with those of the template that it is made of.
fn arguments(given: &Given<'_>, object: &ArgoObject<'_>) -> Option<Parameters> {
    let own = declared(&object.spec["arguments"]);
    let reference = &object.spec["workflowTemplateRef"];
    let Some(name) = reference["name"].as_str() else { return Some(own) };
    let mut all = declared(&given.find(template_kind(reference), name)?.spec["arguments"]);
    all.extend(own);
    Some(all)
}
