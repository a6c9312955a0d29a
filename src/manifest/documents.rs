//! The values of a file with their places, for readers that edit nothing: `lint`.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::error::{EditError, FileProblem, Position};
use super::input;
use super::parser::{Kind, MAX_DEPTH, Style};
use super::quote;
use super::stream::Stream;
use crate::limits::YAML_NODES;

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Document {
    /// The document as JSON, the way Argo and Kubernetes read it.
    pub(crate) value: Value,
    /// The places of all values, by JSON pointer.
    pub(crate) spots: BTreeMap<String, Spot>,
    /// Keys that a map has twice: JSON pointer, and the place of the second.
    pub(crate) repeated: Vec<(String, Range<usize>)>,
}

/// The place of a value, in bytes of the text.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    /// The key of the value, if it is in a map.
    pub(crate) key: Option<Range<usize>>,
    /// The value.
    pub(crate) value: Range<usize>,
    /// Whether the value is a map or a list.
    pub(crate) is_collection: bool,
}

/// The text of a file without its byte order mark, and its documents.
pub(crate) fn documents(bytes: &[u8]) -> Result<(&str, Vec<Document>), EditError> {
    let text = input::check(bytes)?.body;
    let stream = Stream::parse(text)?;
    let mut reader =
        DocumentReader { stream: &stream, left: YAML_NODES, spots: BTreeMap::new(), repeated: Vec::new() };
    let mut documents = Vec::new();
    for root in stream.roots() {
        let value = reader.read(root, "", None, 0)?;
        let (spots, repeated) = (std::mem::take(&mut reader.spots), std::mem::take(&mut reader.repeated));
        documents.push(Document { value, spots, repeated });
    }
    Ok((text, documents))
}

/// The position of the byte `at` of `text`.
pub(crate) fn position(text: &str, at: usize) -> Position {
    input::place_of(text, text.floor_char_boundary(at))
}

struct DocumentReader<'a> {
    stream: &'a Stream,
    /// The values that may still be read; an alias repeats those of its anchor.
    left: usize,
    spots: BTreeMap<String, Spot>,
    repeated: Vec<(String, Range<usize>)>,
}

impl DocumentReader<'_> {
    fn read(
        &mut self,
        node: usize,
        pointer: &str,
        key: Option<Range<usize>>,
        depth: usize,
    ) -> Result<Value, EditError> {
        let found = self.stream.resolved(node);
        let place = self.stream.place(node);
        if depth > MAX_DEPTH {
            return Err(FileProblem::TooDeep.at(place));
        }
        self.left = self.left.checked_sub(1).ok_or_else(|| FileProblem::TooManyNodes.at(place))?;
        let event = self.stream.event(found);
        let is_collection = !matches!(event.kind, Kind::Scalar { .. });
        let value = self.stream.event(node).span.clone();
        self.spots.insert(pointer.to_owned(), Spot { key, value, is_collection });
        match &event.kind {
            Kind::Scalar { properties, value, style } => Ok(scalar(value, *style, properties.tag.as_deref())),
            Kind::SequenceStart { .. } => self.list(found, pointer, depth),
            Kind::MappingStart { .. } => self.map(found, pointer, depth),
            _ => Ok(Value::Null),
        }
    }

    fn list(&mut self, node: usize, pointer: &str, depth: usize) -> Result<Value, EditError> {
        let (stream, mut items) = (self.stream, Vec::new());
        for (n, item) in stream.children(node).enumerate() {
            items.push(self.read(item, &format!("{pointer}/{n}"), None, depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, node: usize, pointer: &str, depth: usize) -> Result<Value, EditError> {
        let (stream, mut map) = (self.stream, Map::new());
        let pairs: Vec<_> = stream.pairs(node).collect();
        // The keys of a merge (`<<`) count less than those of the map itself.
        let (merges, own): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|(key, _)| stream.scalar(stream.resolved(*key)) == Some("<<"));
        for (_, merged) in merges {
            let value = self.read(merged, &format!("{pointer}/<<"), None, depth + 1)?;
            let maps = if let Value::Array(maps) = value { maps } else { vec![value] };
            for (key, value) in maps.into_iter().filter_map(|map| map.as_object().cloned()).flatten() {
                map.entry(key).or_insert(value);
            }
        }
        let mut seen = std::collections::HashSet::new();
        for (key, value) in own {
            let name = stream.scalar(stream.resolved(key)).unwrap_or_default().to_owned();
            let (span, child) = (stream.event(key).span.clone(), child(pointer, &name));
            if !seen.insert(name.clone()) {
                self.repeated.push((child.clone(), span.clone()));
            }
            let value = self.read(value, &child, Some(span), depth + 1)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

/// The JSON pointer of the key `name` of the map at `pointer` (RFC 6901).
pub(crate) fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The type that go-yaml gives a scalar.
fn scalar(text: &str, style: Style, tag: Option<&str>) -> Value {
    if style != Style::Plain || tag.is_some_and(|tag| tag != "tag:yaml.org,2002:int") {
        return Value::from(text);
    }
    match text {
        _ if quote::is_null(text) => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ if quote::is_plain_string(text) => Value::from(text),
        _ => number(text).unwrap_or_else(|| Value::from(text)),
    }
}

fn number(text: &str) -> Option<Value> {
    let digits = text.replace('_', "");
    let unsigned = digits.trim_start_matches(['+', '-']);
    let radix = |prefix: &str, radix| {
        unsigned.strip_prefix(prefix).and_then(|digits| i64::from_str_radix(digits, radix).ok())
    };
    let leads = (unsigned.len() > 1 && unsigned.starts_with('0')).then(|| radix("0", 8)).flatten();
    let whole = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2)).or(leads);
    if let Some(whole) = whole {
        return Some(Value::from(if digits.starts_with('-') { -whole } else { whole }));
    }
    let plain = digits.strip_prefix('+').unwrap_or(&digits);
    let whole = plain.parse::<i64>().map(Value::from).or_else(|_| plain.parse::<u64>().map(Value::from));
    whole.ok().or_else(|| Some(Value::from(plain.parse::<f64>().ok().filter(|n| n.is_finite())?)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_go_yaml_s_types_and_their_places() {
        let text = "a: {x: 1, y: \"2\"}\nb: [yes, y, 0x10, 010, 1.50, ~, 2026-01-02]\n<<: {c: 1, b: 2}\n--- # next\nd: &d {e: f}\ng: *d\n";
        let (_, documents) = documents(text.as_bytes()).unwrap();
        let values: Vec<_> = documents.iter().map(|document| document.value.clone()).collect();
        let first =
            json!({"a": {"x": 1, "y": "2"}, "b": [true, "y", 16, 8, 1.5, null, "2026-01-02"], "c": 1});
        assert_eq!(values, [first, json!({"d": {"e": "f"}, "g": {"e": "f"}})]);
        let spot = &documents[0].spots["/a/y"];
        assert_eq!((&text[spot.key.clone().unwrap()], &text[spot.value.clone()]), ("y", "\"2\""));
        assert_eq!(&text[documents[1].spots["/g"].value.clone()], "*d");
    }

    #[test]
    fn aliases_cannot_make_a_file_large_or_endless() {
        let endless = documents(b"a: &a [*a]\n").unwrap_err().to_string();
        assert!(endless.contains("256 levels"), "{endless}");
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..9 {
            let alias = format!("*a{}, ", n - 1).repeat(10);
            text.push_str(&format!("a{n}: &a{n} [{alias}]\n"));
        }
        let large = documents(text.as_bytes()).unwrap_err().to_string();
        assert!(large.contains("200,000"), "{large}");
    }
}
