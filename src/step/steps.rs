//! `steps`: several steps in one node, in order. A later entry may refer to an earlier one's outputs.

mod condition;

use std::collections::BTreeMap;

use serde_json::Value;

use super::limits::{ENTRIES, too_many};
use super::node::Node;
use super::reference::{Earlier, EarlierEntry, Scope, is_name, refers};
use super::spec::Spec;
use super::{InvalidStep, Kind, Mention, Step, ValueForm, When};
use crate::outcome::Outputs;

pub(super) const SPEC: Spec = Spec { name: "steps", form: ValueForm::Entries, outputs: &[], nests: false };

/// A valid `steps` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// The entries, in order; not empty, with unique names.
    pub entries: Vec<Entry>,
}

/// One entry of `steps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry's name, for references and for its outputs; `[a-z0-9-]{1,63}`, by default its kind.
    pub name: String,
    /// Whether it runs.
    pub when: When,
    /// The step with a sample value for every reference. Use it for the kind and the outputs, not to run.
    pub template: Step,
    /// The texts that contained a reference, with the sample value inserted.
    pub open: Vec<String>,
    /// The entry's path, such as `steps[1]`.
    path: String,
    /// The user's input, with references that are not resolved.
    body: Value,
}

impl Entry {
    /// The step to run: references are replaced by the outputs of the entries before it.
    ///
    /// Returns an error if an output is missing or not valid in its field (an empty digest, for example).
    pub fn resolve(&self, outputs: &BTreeMap<String, Outputs>) -> Result<Step, InvalidStep> {
        super::parse_kind(Node::new(&self.path, &self.body, Scope::Running(outputs)), &nesting())
    }

    /// Whether the entry runs, by the outputs of the entries before it.
    ///
    /// Returns an error if the output that decides is neither `true`, `false` nor empty.
    pub fn runs(&self, outputs: &BTreeMap<String, Outputs>) -> Result<bool, InvalidStep> {
        self.when.holds(outputs).map_err(|why| InvalidStep::new(format!("{}.when", self.path), why))
    }

    /// The outputs of the entry if it is skipped: all of them, empty.
    pub fn skipped(&self) -> Outputs {
        self.template.outputs().into_iter().map(|name| (name, String::new())).collect()
    }

    /// Whether a field of the step, such as `repo` or `targets.file`, does not depend on the outputs of earlier entries.
    pub fn is_settled(&self, field: &str) -> bool {
        let path: Vec<_> = field.split('.').collect();
        self.body.get(self.template.kind().name()).is_none_or(|value| is_settled_at(value, &path))
    }

    fn read(node: Node<'_>, earlier: &[EarlierEntry]) -> Result<Self, InvalidStep> {
        let path = node.path().to_owned();
        let mut map = node.map()?;
        if let Some(nested) = map.get(SPEC.name) {
            return Err(nested.refuse("`steps` cannot be nested; write its entries into the one list"));
        }
        let name = map.remove("name").filter(|name| !name.is_absent());
        let when = map.remove("when").filter(|when| !when.is_absent());
        let when = when.map_or(Ok(When::Is(true)), |node| condition::read_when(node, earlier))?;
        let body = Value::Object(map.iter().map(|(key, node)| (key.clone(), node.value().clone())).collect());
        let scope = Scope::Checking(Earlier { entries: earlier, when: &when });
        let template = super::parse_kind(Node::new(&path, &body, scope), &nesting())?;
        let open = open(&body, scope);
        let name = name.map_or_else(|| Ok(template.kind().to_string()), |node| read_name(node))?;
        if earlier.iter().any(|other| other.name == name) {
            let problem = format!("another entry is named `{name}`; give this one a `name` of its own");
            return Err(InvalidStep::new(path, problem));
        }
        Ok(Self { name, when, template, open, path, body })
    }
}

/// The kinds that an entry may have.
fn nesting() -> Vec<Kind> {
    Kind::ALL.iter().copied().filter(|kind| kind.spec().nests).collect()
}

/// Whether the field at `path` in `value` contains no reference. The fields of each item of a list count.
fn is_settled_at(value: &Value, path: &[&str]) -> bool {
    match (path.split_first(), value) {
        // An object or a list may also be written as its JSON text. What its fields are is known once the text is.
        (None, _) | (_, Value::String(_)) => is_settled(value),
        (_, Value::Array(items)) => items.iter().all(|item| is_settled_at(item, path)),
        (Some((field, rest)), _) => value.get(field).is_none_or(|value| is_settled_at(value, rest)),
    }
}

/// Whether no text in `body` contains a reference.
fn is_settled(body: &Value) -> bool {
    match body {
        Value::String(text) => !refers(text),
        Value::Array(items) => items.iter().all(is_settled),
        Value::Object(fields) => fields.values().all(is_settled),
        _ => true,
    }
}

/// Every text in `body` that contains a reference, expanded.
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
        earlier.push(EarlierEntry {
            name: entry.name.clone(),
            outputs: entry.template.kind().spec().outputs,
            when: entry.when.clone(),
        });
        entries.push(entry);
    }
    if entries.is_empty() { Err(empty) } else { Ok(Steps { entries }) }
}

/// Empty: each entry is a step with targets of its own.
pub(super) fn mentions(_: &Steps) -> Vec<Mention> {
    Vec::new()
}

fn read_name(node: Node<'_>) -> Result<String, InvalidStep> {
    node.checked(|name| match is_name(name) {
        true => Ok(name.to_owned()),
        false => Err("is not a name of at most 63 lower-case letters, digits and `-`".into()),
    })
}
