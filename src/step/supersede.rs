//! `supersede`: ends older workflows of the same line, because this workflow is newer.

use super::form::optional;
use super::node::Node;
use super::spec::{Output, Spec};
use super::{FieldTable, InvalidStep, Mention, ValueForm};
use crate::selection::LINE_LABEL;

pub(super) const SPEC: Spec =
    Spec { name: "supersede", form: ValueForm::Map(SUPERSEDE), outputs: OUTPUTS, nests: true };

const SUPERSEDE: &FieldTable = &FieldTable::of(&[
    optional("enabled", ValueForm::Bool),
    optional("label", ValueForm::Word),
    optional("line", ValueForm::Word),
]);

/// A JSON list of the workflows that were stopped.
const OUTPUTS: &[Output] = &[Output::ours("superseded", "[]")];

/// The maximum length of a label key: a DNS name of 253 characters, a slash and a name of 63.
const LONGEST: usize = 317;

/// The maximum length of a label's value.
const LONGEST_VALUE: usize = 63;

const NO_VALUE: &str = "is not the value of a label: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both \
                        ends; give a hash of what the workflow builds";

/// A valid `supersede` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supersede {
    /// If false, the step does nothing and sends no request. This is for templates with a parameter that turns it off.
    pub enabled: bool,
    /// The label that holds the line of a workflow; [`LINE_LABEL`] unless the step names another one.
    pub label: String,
    /// The line of this workflow. The step labels the workflow with it, if its label has another value or is missing.
    /// Without it, the line is the value of the label.
    pub line: Option<String>,
}

/// Reads the value under `supersede`.
pub(super) fn read(node: Node<'_>) -> Result<Supersede, InvalidStep> {
    let mut fields = node.fields(SUPERSEDE)?;
    let enabled = fields.switch("enabled", true)?;
    let label = fields.optional("label").map(|node| node.checked(label)).transpose()?;
    let line = fields.optional("line").map(|node| node.checked(line)).transpose()?;
    Ok(Supersede { enabled, label: label.unwrap_or_else(|| LINE_LABEL.into()), line })
}

/// Empty: the step only affects workflows of its own namespace.
pub(super) fn mentions(_: &Supersede) -> Vec<Mention> {
    Vec::new()
}

fn label(key: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    match key.len() <= LONGEST && key.bytes().all(allowed) {
        true => Ok(key.to_owned()),
        false => Err(format!("is not the key of a label, such as `{LINE_LABEL}`")),
    }
}

/// A label's value, as the API server checks it.
fn line(value: &str) -> Result<String, String> {
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let bytes = value.as_bytes();
    let valid = bytes.len() <= LONGEST_VALUE
        && ends(bytes.first().copied())
        && ends(bytes.last().copied())
        && bytes.iter().copied().all(allowed);
    if valid { Ok(value.to_owned()) } else { Err(NO_VALUE.into()) }
}
