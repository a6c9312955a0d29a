//! Writes a value as YAML that every reader reads back as that value.

use serde_json::{Map, Value};

use crate::manifest::quote::on_one_line;

/// The keys that come first, in this order. The others are sorted.
const FIRST: &[&str] = &["apiVersion", "kind", "metadata", "name", "template", "path", "type", "comparator"];

/// The most characters of a collection on one line.
const WIDTH: usize = 120;

/// The most levels of a collection on one line.
const DEPTH: usize = 2;

/// A whole document, with its final line break.
pub(crate) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text.trim_start_matches('\n').to_owned()
}

/// Writes a value after its key or its dash.
fn block(value: &Value, indent: usize, text: &mut String) {
    let is_scalar = !value.is_object() && !value.is_array();
    let line = line(value, false);
    if is_scalar
        || is_empty(value)
        || indent > 0 && line.chars().count() + indent <= WIDTH && is_shallow(value, DEPTH)
    {
        text.push_str(&format!(" {line}\n"));
        return;
    }
    let spaces = " ".repeat(indent);
    text.push('\n');
    if let Value::Object(map) = value {
        for (key, value) in ordered(map) {
            text.push_str(&format!("{spaces}{}:", on_one_line(key, false)));
            block(value, indent + 2, text);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        let mut inner = String::new();
        block(item, indent + 2, &mut inner);
        // The first key stands beside the dash.
        text.push_str(&format!("{spaces}- {}", inner.trim_start()));
    }
}

/// A value on one line.
fn line(value: &Value, flow: bool) -> String {
    match value {
        Value::Object(map) => {
            let pairs = ordered(map).into_iter();
            let pairs =
                pairs.map(|(key, value)| format!("{}: {}", on_one_line(key, true), line(value, true)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| line(item, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => on_one_line(text, flow),
        other => other.to_string(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// Whether a value has at most `depth` levels of collections. A list with a map is for lines of its own.
fn is_shallow(value: &Value, depth: usize) -> bool {
    match value {
        Value::Object(map) => depth > 0 && map.values().all(|value| is_shallow(value, depth - 1)),
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_shallow(item, 0)),
        _ => true,
    }
}

/// The pairs of a map: the keys of [`FIRST`], then the others by name.
fn ordered(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut pairs: Vec<_> = map.iter().collect();
    pairs.sort_by(|(a, _), (b, _)| (place(a), a).cmp(&(place(b), b)));
    pairs
}
