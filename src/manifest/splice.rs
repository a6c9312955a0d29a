//! Replaces byte ranges of a text.

use std::ops::Range;

use super::Change;

/// A range of the text, its replacement, and the events that the proof expects.
#[derive(Debug)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
    pub(super) expect: Expect,
    pub(super) change: Change,
}

/// The effect of a splice on the stream of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expect {
    /// The scalar `node` gets the new value: as a string, or unquoted if it is `typed`.
    Set { node: usize, typed: bool },
    /// The scalar `node` gets this value and keeps its style: a text of which a part is new.
    Whole { node: usize, value: String },
    /// These events are added before the event `at`.
    Add { at: usize, wanted: Vec<NewEvent> },
    /// These events replace the empty scalar `node`.
    Grow { node: usize, wanted: Vec<NewEvent> },
}

/// An event of an addition, without anchor and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NewEvent {
    /// A scalar that is this string.
    Text(String),
    /// A scalar without quotes that is a number or a boolean.
    Typed(String),
    Mapping,
    MappingEnd,
    List,
    ListEnd,
    Document,
    DocumentEnd,
}

impl Splice {
    /// Whether `other` writes the same text at the same position.
    pub(super) fn writes_same_as(&self, other: &Self) -> bool {
        self.range == other.range && self.text == other.text && matches!(self.expect, Expect::Set { .. })
    }
}

impl Expect {
    /// The index of the event in the old stream that the splice affects.
    pub(super) fn event(&self) -> usize {
        match self {
            Self::Set { node, .. } | Self::Whole { node, .. } | Self::Grow { node, .. } => *node,
            Self::Add { at, .. } => *at,
        }
    }
}

/// Applies every splice to `text`, in order. Overlapping splices leave out text, which the proof then
/// refuses.
pub(super) fn join(text: &str, splices: &[Splice]) -> String {
    let grown: usize = splices.iter().map(|splice| splice.text.len()).sum();
    let mut joined = String::with_capacity(text.len() + grown);
    let mut at = 0;
    for splice in splices {
        joined.push_str(text.get(at..splice.range.start).unwrap_or_default());
        joined.push_str(&splice.text);
        at = splice.range.end;
    }
    joined.push_str(text.get(at..).unwrap_or_default());
    joined
}
