//! Reads `when` of an entry.

use serde_json::Value;

use crate::step::node::{Node, quoted};
use crate::step::reference::{Earlier, EarlierEntry, whole};
use crate::step::{InvalidStep, When};

/// Reads the value under `when`. `earlier` are the entries before this one.
pub(super) fn read_when(node: Node<'_>, earlier: &[EarlierEntry]) -> Result<When, InvalidStep> {
    let text = match node.value() {
        Value::String(text) => text.trim().to_owned(),
        _ => return node.bool().map(When::Is),
    };
    let Some((entry, output)) = whole(&text) else {
        return match text.parse() {
            Ok(value) => Ok(When::Is(value)),
            // The error about an expression that Argo left.
            Err(_) if text.contains("{{") => node.bool().map(When::Is),
            Err(_) => Err(node.refuse(format!(
                "expected true or false, or one reference to an output that is one, such as `$(select.selected)`, got {}; \
                 there are no expressions",
                quoted(&text)
            ))),
        };
    };
    let always = When::Is(true);
    let found = Earlier { entries: earlier, when: &always }.output(entry, output);
    let found = found.map_err(|problem| node.refuse(problem))?;
    if found.sample.parse::<bool>().is_err() {
        return Err(node.refuse(format!("`$({entry}.{output})` is not true or false, so it cannot decide")));
    }
    Ok(When::Output { entry: entry.to_owned(), output: output.to_owned() })
}
