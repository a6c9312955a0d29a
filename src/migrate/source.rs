//! A document of the input: its values with their places, and what the readers said about each.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::advice;
use super::report::ReportRow;
use super::verdict::{Mark, Verdict};
use crate::manifest::documents::{Document, child};
use crate::text;

/// The key of a merge in YAML 1.1.
const MERGE: &str = "/<<";

const OVERRIDDEN: &str = "a key of the map itself counts instead of this one of a merge (`<<`)";
const NO_BUILD: &str = "nothing that is read with it builds an image, so no service came of it; write one in services.yaml, or a template of your own";
const REPEATED: &str = "the map has the key twice; remove one, and run `migrate` again";

/// A document, and the marks on its values.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: String,
    value: Value,
    /// The lines of all values, by JSON pointer.
    lines: BTreeMap<String, usize>,
    /// Keys that a map has twice, with the lines of the second.
    repeated: Vec<(String, usize)>,
    marks: RefCell<BTreeMap<String, Mark>>,
    /// What the reader of one build has said so far. It counts once it is known that the build becomes a service.
    pending: RefCell<Vec<(String, Verdict, String)>>,
}

impl Source {
    /// A document of `text`, the text of the file.
    pub(super) fn of(file: &str, starts: &[usize], document: Document) -> Self {
        let line = |at: usize| starts.partition_point(|start| *start <= at).max(1);
        let place = |key: &Option<std::ops::Range<usize>>, value: &std::ops::Range<usize>| {
            line(key.as_ref().map_or(value.start, |key| key.start))
        };
        let spots = document.spots.iter();
        let lines = spots.map(|(pointer, spot)| (pointer.clone(), place(&spot.key, &spot.value))).collect();
        let repeated = document.repeated.iter().map(|(pointer, span)| (pointer.clone(), line(span.start)));
        Self {
            file: text::line(file),
            lines,
            repeated: repeated.collect(),
            marks: RefCell::default(),
            pending: RefCell::default(),
            value: document.value,
        }
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node { source: self, pointer: String::new(), value: &self.value }
    }

    /// Lets what the reader has said count, or takes it back because no service came of it.
    pub(super) fn settle(&self, counts: bool) {
        let mut marks = self.marks.borrow_mut();
        for (pointer, verdict, note) in self.pending.take() {
            let (verdict, note) =
                if counts { (verdict, note) } else { (Verdict::ByHand, NO_BUILD.to_owned()) };
            match marks.get_mut(&pointer) {
                Some(mark) if counts => mark.join(verdict, &note),
                Some(_) => {}
                None => drop(marks.insert(pointer, Mark::new(verdict, &note))),
            }
        }
    }

    /// The values without values below them, in the order of their pointers. `pointer` itself may be one.
    fn leaves(&self, pointer: &str) -> Vec<&str> {
        let below = format!("{pointer}/");
        let inner = self.lines.range(below.clone()..).take_while(|(place, _)| place.starts_with(&below));
        let own = self.lines.get_key_value(pointer).into_iter();
        let places: Vec<&str> = own.chain(inner).map(|(place, _)| place.as_str()).collect();
        // `/a!` stands between `/a` and `/a/b`, so the next place alone does not tell.
        places.into_iter().filter(|place| !self.has_inner(place)).collect()
    }

    fn has_inner(&self, pointer: &str) -> bool {
        let below = format!("{pointer}/");
        self.lines.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
    }

    /// What became of each key, in the order of the file.
    pub(super) fn rows(&self) -> Vec<ReportRow> {
        if self.value.is_null() {
            return Vec::new();
        }
        let leaves = self.leaves("").into_iter().map(|pointer| {
            let (verdict, note) = self.verdict(pointer);
            self.row(pointer, self.lines.get(pointer).copied().unwrap_or(1), verdict, &note)
        });
        let repeated = self.repeated.iter();
        let repeated = repeated.map(|(pointer, line)| self.row(pointer, *line, Verdict::ByHand, REPEATED));
        let mut rows: Vec<_> = leaves.chain(repeated).collect();
        rows.sort_by_key(|row| row.line);
        rows
    }

    fn row(&self, pointer: &str, line: usize, verdict: Verdict, note: &str) -> ReportRow {
        ReportRow { file: self.file.clone(), line, key: shown(pointer), verdict, note: text::line(note) }
    }

    fn verdict(&self, pointer: &str) -> (Verdict, String) {
        let merged = pointer.replace(MERGE, "");
        if merged != pointer && self.lines.contains_key(&merged) {
            return (Verdict::Approximate, OVERRIDDEN.to_owned());
        }
        match self.marks.borrow().get(&merged) {
            Some(mark) => (mark.verdict, mark.note()),
            None => advice::of(&merged),
        }
    }
}

/// The bytes at which the lines of a text begin.
pub(super) fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// `spec.params[0].name` for `/spec/params/0/name`.
fn shown(pointer: &str) -> String {
    let mut shown = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let has_dots = part.is_empty() || part.contains(['.', ' ', '[', '"']);
        match (is_number, has_dots, shown.is_empty()) {
            (true, _, _) => shown.push_str(&format!("[{part}]")),
            (_, true, _) => shown.push_str(&format!("[\"{}\"]", part.replace('"', "\\\""))),
            (_, _, true) => shown.push_str(&part),
            (_, _, false) => shown.push_str(&format!(".{part}")),
        }
    }
    if shown.is_empty() { ".".to_owned() } else { text::line(&shown) }
}

/// A value of a document, and its place.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    source: &'a Source,
    pointer: String,
    value: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(key)?;
        Some(Self { source: self.source, pointer: child(&self.pointer, key), value })
    }

    /// The value behind several keys.
    pub(super) fn at(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |node, key| node.get(key))
    }

    /// The items of a list; of any other value, the value alone.
    pub(super) fn items(&self) -> Vec<Self> {
        let Some(items) = self.value.as_array() else { return vec![self.clone()] };
        let item = |(n, value)| Self { source: self.source, pointer: format!("{}/{n}", self.pointer), value };
        items.iter().enumerate().map(item).collect()
    }

    /// The items of the list under `key`; none if it is not there.
    pub(super) fn list(&self, key: &str) -> Vec<Self> {
        self.get(key).map(|list| list.items()).unwrap_or_default()
    }

    /// The pairs of a map; none of any other value.
    pub(super) fn entries(&self) -> Vec<(&'a str, Self)> {
        let pairs = self.value.as_object().into_iter().flatten();
        let entry = |(key, value): (&'a String, &'a Value)| {
            let pointer = child(&self.pointer, key);
            (key.as_str(), Self { source: self.source, pointer, value })
        };
        pairs.map(entry).collect()
    }

    pub(super) fn str(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<String> {
        match self.value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(self.value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The text of the scalar behind several keys.
    pub(super) fn text_at(&self, keys: &[&str]) -> Option<String> {
        self.at(keys)?.text()
    }

    pub(super) fn is_true(&self) -> bool {
        self.value.as_bool() == Some(true) || self.str() == Some("true")
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn is_map(&self) -> bool {
        self.value.is_object()
    }

    /// The file and the line, for notes and messages.
    pub(super) fn place(&self) -> String {
        let line = self.source.lines.get(&self.pointer).copied().unwrap_or(1);
        format!("{}:{line}", text::line(&self.source.file))
    }

    pub(super) fn file(&self) -> &'a str {
        &self.source.file
    }

    /// Says what becomes of this value.
    pub(super) fn mark(&self, verdict: Verdict, note: &str) {
        self.source.pending.borrow_mut().push((self.pointer.clone(), verdict, note.to_owned()));
    }

    pub(super) fn direct(&self, note: &str) {
        self.mark(Verdict::Direct, note);
    }

    pub(super) fn approximate(&self, note: &str) {
        self.mark(Verdict::Approximate, note);
    }

    pub(super) fn by_hand(&self, note: &str) {
        self.mark(Verdict::ByHand, note);
    }

    /// Says what becomes of every value below this one, and of this one if it has none.
    pub(super) fn mark_all(&self, verdict: Verdict, note: &str) {
        let mut pending = self.source.pending.borrow_mut();
        for pointer in self.source.leaves(&self.pointer) {
            pending.push((pointer.to_owned(), verdict, note.to_owned()));
        }
    }

    /// Says what becomes of the value under `key`, if it is there.
    pub(super) fn mark_at(&self, keys: &[&str], verdict: Verdict, note: &str) {
        if let Some(node) = self.at(keys) {
            node.mark(verdict, note);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::manifest::documents::documents;

    #[test]
    fn every_value_has_a_row_also_behind_aliases_merges_and_repeated_keys() {
        let text = "a: &a {x: 1, y: []}\nb:\n  <<: *a\n  x: 2\nc: *a\nd: 1\nd: 2\na!: z\n";
        let (text, found) = documents(text.as_bytes()).unwrap();
        let source = Source::of("f.yaml", &line_starts(text), found.into_iter().next().unwrap());
        source.root().at(&["b", "y"]).unwrap().direct("known");
        source.settle(true);
        let rows = source.rows();
        let shown: Vec<_> = rows.iter().map(|row| (row.line, row.key.as_str(), row.verdict)).collect();
        let hand = Verdict::ByHand;
        assert!(shown.contains(&(1, "a.x", hand)) && shown.contains(&(1, "a.y", hand)), "{shown:?}");
        assert!(shown.contains(&(4, "b.x", hand)) && shown.contains(&(8, "a!", hand)), "{shown:?}");
        let behind = |key: &str| rows.iter().find(|row| row.key == key).unwrap().verdict;
        assert_eq!((behind("b.<<.x"), behind("b.<<.y")), (Verdict::Approximate, Verdict::Direct));
        assert_eq!(shown.iter().filter(|(_, key, _)| *key == "d").count(), 2);
    }
}
