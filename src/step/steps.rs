//! `steps`: several kinds in one node, in order; a later entry may refer to an earlier one's outputs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::limits::{ENTRIES, too_many};
use super::node::Node;
use super::reference::{Earlier, Scope, is_name, refers};
use super::spec::Spec;
use super::{InvalidStep, Kind, Mention, Step};
use crate::outcome::Outputs;

pub(super) const SPEC: Spec = Spec { name: "steps", fields: &[], outputs: &[], nests: false };

/// A valid `steps` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// What to run, in order; not empty, names unique.
    pub entries: Vec<Entry>,
}

/// One of the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, by which later entries refer to it and its outputs are called; `[a-z0-9-]{1,63}`, its kind by default.
    pub name: String,
    /// The step with a plausible value for every reference: good for its kind and outputs, not for running.
    pub template: Step,
    /// Its texts that hold a reference, with the plausible value in its place.
    pub open: Vec<String>,
    /// Where it stands, such as `steps[1]`.
    path: String,
    /// What the user wrote, references unresolved.
    body: Value,
}

impl Entry {
    /// The step as it is to run, with the outputs of the entries before it in place of the references.
    ///
    /// Errors when an output is missing, or does not fit where it was put (an empty digest, say).
    pub fn resolve(&self, outputs: &BTreeMap<String, Outputs>) -> Result<Step, InvalidStep> {
        super::parse_kind(Node::new(&self.path, &self.body, Scope::Running(outputs)), &nesting())
    }

    /// Whether a field of the step, such as `repo` or `targets.file`, is the same whatever the entries before it put out.
    pub fn is_settled(&self, field: &str) -> bool {
        let mut found: Vec<&Value> = self.body.get(self.template.kind().name()).into_iter().collect();
        for part in field.split('.') {
            found = found.into_iter().flat_map(items).filter_map(|value| value.get(part)).collect();
        }
        found.into_iter().all(is_settled)
    }

    fn read(node: Node<'_>, earlier: &[Earlier]) -> Result<Self, InvalidStep> {
        let path = node.path().to_owned();
        let mut map = node.map()?;
        if let Some(nested) = map.get(SPEC.name) {
            return Err(nested.refuse("`steps` cannot be nested; write its entries into the one list"));
        }
        let name = map.remove("name").filter(|name| !name.is_absent());
        let body = Value::Object(map.iter().map(|(key, node)| (key.clone(), node.value().clone())).collect());
        let scope = Scope::Checking(earlier);
        let template = super::parse_kind(Node::new(&path, &body, scope), &nesting())?;
        let open = open(&body, scope);
        let name = name.map_or_else(|| Ok(template.kind().to_string()), |node| read_name(node))?;
        if earlier.iter().any(|other| other.name == name) {
            let problem = format!("another entry is named `{name}`; give this one a `name` of its own");
            return Err(InvalidStep::new(path, problem));
        }
        Ok(Self { name, template, open, path, body })
    }
}

/// What an entry may be.
fn nesting() -> Vec<Kind> {
    Kind::ALL.iter().copied().filter(|kind| kind.spec().nests).collect()
}

/// The items of a list; anything else is one by itself.
fn items(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

/// Whether no text in `body` holds a reference.
fn is_settled(body: &Value) -> bool {
    match body {
        Value::String(text) => !refers(text),
        Value::Array(items) => items.iter().all(is_settled),
        Value::Object(fields) => fields.values().all(is_settled),
        _ => true,
    }
}

/// Every text in `body` that holds a reference, expanded.
fn open(body: &Value, scope: Scope<'_>) -> Vec<String> {
    match body {
        Value::String(text) if refers(text) => scope.expand(text).into_iter().collect(),
        Value::Array(items) => items.iter().flat_map(|item| open(item, scope)).collect(),
        Value::Object(fields) => fields.values().flat_map(|field| open(field, scope)).collect(),
        _ => Vec::new(),
    }
}

/// Reads the value under `steps`.
pub(super) fn read(node: Node<'_>) -> Result<Steps, InvalidStep> {
    let empty = node.refuse("is empty; write at least one step");
    let mut entries = Vec::new();
    let mut earlier = Vec::new();
    let items = node.clone().list()?;
    if items.len() > ENTRIES {
        return Err(node.refuse(too_many(items.len(), "entries", ENTRIES)));
    }
    for item in items {
        let entry = Entry::read(item, &earlier)?;
        earlier.push(Earlier { name: entry.name.clone(), outputs: entry.template.kind().spec().outputs });
        entries.push(entry);
    }
    if entries.is_empty() { Err(empty) } else { Ok(Steps { entries }) }
}

/// None of its own: each entry is a step.
pub(super) fn mentions(_: &Steps) -> Vec<Mention> {
    Vec::new()
}

fn read_name(node: Node<'_>) -> Result<String, InvalidStep> {
    node.checked(|name| match is_name(name) {
        true => Ok(name.to_owned()),
        false => Err("is not a name of at most 63 lower-case letters, digits and `-`".into()),
    })
}
