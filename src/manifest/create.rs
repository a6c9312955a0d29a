//! Adds the missing part of a path, in the style of the nodes around it.

use std::ops::Range;

use super::error::{EditError, Position, Refusal};
use super::file::File;
use super::lookup::{self, MissingPath};
use super::parser::{Kind, Style};
use super::path::{Path, Segment};
use super::splice::{Expect, NewEvent, Splice};
use super::stream::Stream;
use super::{Change, addable, quote, shared};

mod layout;
mod spot;

use layout::Layout;

/// The value to add, and whether it is a number or a boolean where others are.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) text: &'a str,
    pub(super) typed: bool,
}

impl<'a> Value<'a> {
    pub(super) fn string(text: &'a str) -> Self {
        Self { text, typed: false }
    }
}

/// The splice that adds the missing steps of `path`, with `value` at their end.
pub(super) fn plan(
    file: &File<'_>,
    gap: &MissingPath,
    path: &Path,
    value: Value<'_>,
    label: &str,
) -> Result<Splice, EditError> {
    let steps = &path.segments()[gap.depth..];
    file.addresses.below(&file.stream, &gap.nearest, steps);
    let cannot = |why| Refusal::CannotAdd { why }.at(gap.place, label);
    let merged = gap.merged.filter(|merged| !merged.is_overridable(&file.stream, path, gap.depth));
    if merged.is_some() || addable::obstacle(&file.stream, gap.nearest.node, steps).is_some() {
        return Err(gap.error(label));
    }
    if gap.tied {
        return Err(cannot("several documents of this file could take it"));
    }
    shared::check(&file.stream, &gap.nearest).map_err(|stop| stop.at(label))?;
    if file.stream.is_mapping(gap.nearest.node) {
        lookup::no_duplicates(&file.stream, gap.nearest.node).map_err(|stop| stop.at(label))?;
    }
    let typed = match gap.merged {
        Some(merged) => value.typed && is_like(&file.stream, merged.value, value.text),
        None => value.typed && matches!(steps, [Segment::Append]),
    };
    let addition = Addition { steps, value: value.text, typed, layout: Layout::of(file, gap.nearest.node) };
    let (range, text, expect) = spot::splice(file, gap, &addition).map_err(cannot)?;
    shared::note(file, &gap.nearest, label);
    let change = change(file, &range, label, value.text);
    Ok(Splice { range, text, expect, change })
}

/// The splice that adds a document to a file without one.
pub(super) fn document(file: &File<'_>, path: &Path, value: &str, label: &str) -> Result<Splice, EditError> {
    file.addresses.path(path);
    let steps = path.segments();
    if addable::steps_obstacle(steps).is_some() || !matches!(steps.first(), Some(Segment::Key(_))) {
        let why = "an empty file takes a path of keys, and of items by a field";
        return Err(Refusal::CannotAdd { why }.at(Position::START, label));
    }
    let addition = Addition { steps: path.segments(), value, typed: false, layout: Layout::plain(file) };
    let at = file.text.len();
    let newline = file.newline();
    let lead = if file.text.is_empty() || file.text.ends_with(['\r', '\n']) { "" } else { newline };
    let text = format!("{lead}{}{newline}", addition.block_pair(addition.steps, 0));
    let mut wanted = vec![NewEvent::Document];
    wanted.extend(addition.value_events(addition.steps));
    wanted.push(NewEvent::DocumentEnd);
    let change = change(file, &(at..at), label, value);
    Ok(Splice { range: at..at, text, expect: Expect::Add { at: 0, wanted }, change })
}

fn change(file: &File<'_>, range: &Range<usize>, label: &str, value: &str) -> Change {
    let line = super::input::place_of(file.text, range.start).line;
    Change { path: label.to_owned(), line, old: String::new(), new: value.to_owned() }
}

/// Whether `node` is a number or a boolean, and `value` one like it.
pub(super) fn is_like(stream: &Stream, node: usize, value: &str) -> bool {
    match stream.kind(stream.resolved(node)) {
        Kind::Scalar { value: old, style: Style::Plain, properties } => {
            properties.tag.is_none() && !quote::is_plain_string(old) && quote::same_type(old, value)
        }
        _ => false,
    }
}

/// The steps and the value to add, and how to write them.
struct Addition<'a> {
    steps: &'a [Segment],
    value: &'a str,
    /// Whether the value is a number or a boolean.
    typed: bool,
    layout: Layout,
}

impl Addition<'_> {
    /// Whether the first step is an item of a list. Otherwise it is a key.
    fn is_item(&self) -> bool {
        matches!(self.steps.first(), Some(Segment::Item { .. } | Segment::Append))
    }

    /// The addition as block lines, without the indentation of the first line and without the last line break.
    fn block(&self, indent: usize) -> String {
        if self.is_item() { self.block_item(self.steps, indent) } else { self.block_pair(self.steps, indent) }
    }

    /// The events of the addition in its collection.
    fn events(&self) -> Vec<NewEvent> {
        if self.is_item() { self.item_events(self.steps) } else { self.pair_events(self.steps) }
    }

    fn written(&self, flow: bool) -> String {
        match (self.typed, flow) {
            (true, _) => self.value.to_owned(),
            (false, true) => self.layout.flow_value(self.value),
            (false, false) => self.layout.value(self.value),
        }
    }

    fn event(&self) -> NewEvent {
        let value = self.value.to_owned();
        if self.typed { NewEvent::Typed(value) } else { NewEvent::Text(value) }
    }

    /// `key: …` as block lines, without the indentation of the first line and without the last line break.
    fn block_pair(&self, steps: &[Segment], indent: usize) -> String {
        let Some((Segment::Key(key), rest)) = steps.split_first() else { return String::new() };
        let key = self.layout.key(key);
        match rest.first() {
            None => format!("{key}: {}", self.written(false)),
            Some(Segment::Key(_)) => {
                let inner = indent + self.layout.step;
                format!("{key}:{}{}", self.layout.margin(inner), self.block_pair(rest, inner))
            }
            Some(_) => {
                let inner = indent + self.layout.list_step;
                format!("{key}:{}{}", self.layout.margin(inner), self.block_item(rest, inner))
            }
        }
    }

    /// `- value`, or `- name: x` and the lines of the same item.
    fn block_item(&self, steps: &[Segment], indent: usize) -> String {
        if let [Segment::Append] = steps {
            return format!("- {}", self.written(false));
        }
        let Some((Segment::Item { field, value }, rest)) = steps.split_first() else { return String::new() };
        let (field, value) = (self.layout.key(field), self.layout.value(value));
        let inner = indent + 2;
        format!("- {field}: {value}{}{}", self.layout.margin(inner), self.block_pair(rest, inner))
    }

    /// `key: …` within braces.
    fn flow_pair(&self, steps: &[Segment]) -> String {
        let Some((Segment::Key(key), rest)) = steps.split_first() else { return String::new() };
        format!("{}: {}", self.layout.flow_key(key), self.flow_value(rest))
    }

    fn flow_value(&self, steps: &[Segment]) -> String {
        match steps.first() {
            None => self.written(true),
            Some(Segment::Key(_)) => format!("{{{}}}", self.flow_pair(steps)),
            Some(_) => format!("[{}]", self.flow_item(steps)),
        }
    }

    fn flow_item(&self, steps: &[Segment]) -> String {
        if let [Segment::Append] = steps {
            return self.written(true);
        }
        let Some((Segment::Item { field, value }, rest)) = steps.split_first() else { return String::new() };
        let (field, value) = (self.layout.flow_key(field), self.layout.flow_value(value));
        format!("{{{field}: {value}, {}}}", self.flow_pair(rest))
    }

    /// The events of `key: …`.
    fn pair_events(&self, steps: &[Segment]) -> Vec<NewEvent> {
        let Some((Segment::Key(key), rest)) = steps.split_first() else { return Vec::new() };
        let mut events = vec![NewEvent::Text(key.clone())];
        events.extend(self.value_events(rest));
        events
    }

    fn value_events(&self, steps: &[Segment]) -> Vec<NewEvent> {
        match steps.first() {
            None => vec![self.event()],
            Some(Segment::Key(_)) => {
                [vec![NewEvent::Mapping], self.pair_events(steps), vec![NewEvent::MappingEnd]].concat()
            }
            Some(_) => [vec![NewEvent::List], self.item_events(steps), vec![NewEvent::ListEnd]].concat(),
        }
    }

    fn item_events(&self, steps: &[Segment]) -> Vec<NewEvent> {
        if let [Segment::Append] = steps {
            return vec![self.event()];
        }
        let Some((Segment::Item { field, value }, rest)) = steps.split_first() else { return Vec::new() };
        let name = vec![NewEvent::Mapping, NewEvent::Text(field.clone()), NewEvent::Text(value.clone())];
        [name, self.pair_events(rest), vec![NewEvent::MappingEnd]].concat()
    }
}
