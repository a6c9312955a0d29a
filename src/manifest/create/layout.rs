//! The quotes and the indentation that the neighbouring nodes use.

use crate::manifest::file::File;
use crate::manifest::parser::{Event, Kind, Style};
use crate::manifest::quote;

/// The quotes and the indentation for a new key or value.
pub(super) struct Layout {
    key: Style,
    value: Style,
    /// Columns by which a mapping is indented in its parent.
    pub(super) step: usize,
    /// Columns by which a list is indented in its parent.
    pub(super) list_step: usize,
    newline: &'static str,
}

impl Layout {
    /// The layout for a file without any neighbouring node.
    pub(super) fn plain(file: &File<'_>) -> Self {
        let style = file.style(Style::Plain);
        Self { key: style, value: style, step: 2, list_step: 2, newline: file.newline() }
    }

    /// The layout of the pairs or items of the collection `node`, with the indentation of the file.
    pub(super) fn of(file: &File<'_>, node: usize) -> Self {
        let plain = Self::plain(file);
        let (step, list_step) = steps(file.stream.events());
        let mut layout = Self {
            step: step.unwrap_or(plain.step),
            list_step: list_step.unwrap_or(plain.list_step),
            ..plain
        };
        match file.stream.kind(node) {
            Kind::MappingStart { .. } => {
                for (key, value) in file.stream.pairs(node) {
                    layout.key = style(file, key).unwrap_or(layout.key);
                    layout.value = style(file, value).unwrap_or(layout.value);
                }
            }
            Kind::SequenceStart { .. } => {
                let last = file.stream.children(node).last();
                layout.value = last.and_then(|item| style(file, item)).unwrap_or(layout.value);
            }
            _ => {}
        }
        layout
    }

    pub(super) fn key(&self, key: &str) -> String {
        quote::render(key, self.key, false)
    }

    pub(super) fn value(&self, value: &str) -> String {
        quote::render(value, self.value, false)
    }

    pub(super) fn flow_key(&self, key: &str) -> String {
        quote::render(key, self.key, true)
    }

    pub(super) fn flow_value(&self, value: &str) -> String {
        quote::render(value, self.value, true)
    }

    pub(super) fn newline(&self) -> &'static str {
        self.newline
    }

    /// A line break and the indentation of the next line.
    pub(super) fn margin(&self, indent: usize) -> String {
        format!("{}{}", self.newline, " ".repeat(indent))
    }
}

fn style(file: &File<'_>, node: usize) -> Option<Style> {
    match file.stream.kind(node) {
        Kind::Scalar { style: Style::Literal | Style::Folded, .. } => None,
        Kind::Scalar { style, .. } => Some(file.style(*style)),
        Kind::Alias(_) => Some(Style::Plain),
        _ => None,
    }
}

/// The indentation of the first mapping and of the first list below a key.
fn steps(events: &[Event]) -> (Option<usize>, Option<usize>) {
    let (mut mapping, mut list) = (None, None);
    for pair in events.windows(2) {
        let [Event { kind: Kind::Scalar { .. }, place: key, .. }, Event { kind, place, .. }] = pair else {
            continue;
        };
        if place.line <= key.line {
            continue;
        }
        let columns = place.column.checked_sub(key.column);
        match kind {
            Kind::MappingStart { flow: false, .. } => mapping = mapping.or(columns.filter(|c| *c > 0)),
            Kind::SequenceStart { flow: false, .. } => list = list.or(columns),
            _ => {}
        }
        if mapping.is_some() && list.is_some() {
            break;
        }
    }
    (mapping, list)
}
