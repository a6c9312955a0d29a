//! Adds the missing part of a path, in the style of the nodes around it.

use std::ops::Range;

use super::error::{EditError, Position, Refusal};
use super::file::File;
use super::lookup::{self, MissingPath};
use super::parser::{Kind, Style};
use super::path::{Path, Segment};
use super::splice::{Expect, NewEvent, Splice};
use super::{Change, scalar};

mod layout;
mod spot;

use layout::Layout;

/// The splice that adds the missing steps of `path`, with `value` at their end.
pub(super) fn plan(
    file: &File<'_>,
    gap: &MissingPath,
    path: &Path,
    value: &str,
    label: &str,
) -> Result<Splice, EditError> {
    let steps = &path.segments()[gap.depth..];
    file.addresses.below(&file.stream, &gap.nearest, steps);
    let cannot = |why| Refusal::CannotAdd { why }.at(gap.place, label);
    if gap.merged || !is_addable(file, gap, steps) {
        return Err(gap.refusal.clone().at(gap.place, label));
    }
    if gap.tied {
        return Err(cannot("several documents of this file could take it"));
    }
    scalar::not_shared(&file.stream, &gap.nearest).map_err(|stop| stop.at(label))?;
    if is_mapping(file, gap.nearest.node) {
        lookup::no_duplicates(&file.stream, gap.nearest.node).map_err(|stop| stop.at(label))?;
    }
    let addition = Addition { steps, value, layout: Layout::of(file, gap.nearest.node) };
    let (range, text, expect) = spot::splice(file, gap, &addition).map_err(cannot)?;
    let change = change(file, &range, label, value);
    Ok(Splice { range, text, expect, change })
}

/// The splice that adds a document to a file without one.
pub(super) fn document(file: &File<'_>, path: &Path, value: &str, label: &str) -> Result<Splice, EditError> {
    file.addresses.path(path);
    if !are_steps(path.segments()) || !matches!(path.segments().first(), Some(Segment::Key(_))) {
        return Err(super::FileProblem::Empty.at(Position::START));
    }
    let addition = Addition { steps: path.segments(), value, layout: Layout::plain(file) };
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

fn is_mapping(file: &File<'_>, node: usize) -> bool {
    matches!(file.stream.kind(node), Kind::MappingStart { .. })
}

/// Whether the nearest node can take the first missing step: a mapping takes a key, a list takes an item, null takes both.
fn is_addable(file: &File<'_>, gap: &MissingPath, steps: &[Segment]) -> bool {
    let takes = match (file.stream.kind(gap.nearest.node), steps.first()) {
        (Kind::MappingStart { .. }, Some(Segment::Key(_)))
        | (Kind::SequenceStart { .. }, Some(Segment::Item { .. })) => true,
        (Kind::Scalar { properties, value, style: Style::Plain }, _) => {
            properties.anchor.is_none()
                && properties.tag.is_none()
                && matches!(&**value, "" | "~" | "null" | "Null" | "NULL")
        }
        _ => false,
    };
    takes && are_steps(steps)
}

/// Whether `steps` are only keys, and items that are each followed by a key.
fn are_steps(steps: &[Segment]) -> bool {
    let follows = |pair: &[Segment]| match pair {
        [Segment::Key(_), _] => true,
        // An item that is added for `[name=x]` already has its name.
        [Segment::Item { field, .. }, Segment::Key(key)] => field != key,
        _ => false,
    };
    matches!(steps.last(), Some(Segment::Key(_))) && steps.windows(2).all(follows)
}

/// The steps and the value to add, and how to write them.
struct Addition<'a> {
    steps: &'a [Segment],
    value: &'a str,
    layout: Layout,
}

impl Addition<'_> {
    /// `key: …` as block lines, without the indentation of the first line and without the last line break.
    fn block_pair(&self, steps: &[Segment], indent: usize) -> String {
        let Some((Segment::Key(key), rest)) = steps.split_first() else { return String::new() };
        let key = self.layout.key(key);
        match rest.first() {
            None => format!("{key}: {}", self.layout.value(self.value)),
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

    /// `- name: x` and the lines of the same item.
    fn block_item(&self, steps: &[Segment], indent: usize) -> String {
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
            None => self.layout.flow_value(self.value),
            Some(Segment::Key(_)) => format!("{{{}}}", self.flow_pair(steps)),
            Some(_) => format!("[{}]", self.flow_item(steps)),
        }
    }

    fn flow_item(&self, steps: &[Segment]) -> String {
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
            None => vec![NewEvent::Text(self.value.to_owned())],
            Some(Segment::Key(_)) => {
                [vec![NewEvent::Mapping], self.pair_events(steps), vec![NewEvent::MappingEnd]].concat()
            }
            Some(_) => [vec![NewEvent::List], self.item_events(steps), vec![NewEvent::ListEnd]].concat(),
        }
    }

    fn item_events(&self, steps: &[Segment]) -> Vec<NewEvent> {
        let Some((Segment::Item { field, value }, rest)) = steps.split_first() else { return Vec::new() };
        let name = vec![NewEvent::Mapping, NewEvent::Text(field.clone()), NewEvent::Text(value.clone())];
        [name, self.pair_events(rest), vec![NewEvent::MappingEnd]].concat()
    }
}
