//! Replacing byte ranges.

use std::ops::Range;

use super::Change;

/// A range of the text, what replaces it, and what the proof shall find.
#[derive(Debug)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
    pub(super) expect: Expect,
    pub(super) change: Change,
}

/// What a splice does to the stream of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expect {
    /// The scalar `node` gets the change's new value: as a string, or unquoted if it is `typed`.
    Set { node: usize, typed: bool },
    /// The block scalar `node` gets this value.
    Block { node: usize, value: String },
    /// These events appear before the event `at`.
    Add { at: usize, wanted: Vec<Wanted> },
    /// These events stand where the empty scalar `node` stood.
    Grow { node: usize, wanted: Vec<Wanted> },
}

/// An event that an addition brings, without anchor and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A scalar that is this string.
    Text(String),
    Mapping,
    MappingEnd,
    List,
    ListEnd,
    Document,
    DocumentEnd,
}

impl Splice {
    /// Whether `other` writes the same text in the same place.
    pub(super) fn says(&self, other: &Self) -> bool {
        self.range == other.range && self.text == other.text && matches!(self.expect, Expect::Set { .. })
    }
}

impl Expect {
    /// The event of the old stream at which it shows.
    pub(super) fn event(&self) -> usize {
        match self {
            Self::Set { node, .. } | Self::Block { node, .. } | Self::Grow { node, .. } => *node,
            Self::Add { at, .. } => *at,
        }
    }
}

/// `text` with every splice made, in their order; splices that overlap leave text out, which the proof then
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
