//! Replacing byte ranges.

use std::ops::Range;

use super::error::{EditError, Refusal};
use super::stream::Stream;
use super::{Change, KustomizeField};

/// A range of the text, what replaces it, and what the proof shall find.
#[derive(Debug)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
    pub(super) expect: Expect,
    pub(super) change: Change,
}

/// What a splice does to the stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// The scalar `node` gets the change's new value.
    Set { node: usize },
    /// A pair of scalars appears before the mapping's `end`.
    Add { end: usize, field: KustomizeField },
}

impl Expect {
    /// The event of the old stream at which it shows.
    pub(super) fn event(self) -> usize {
        match self {
            Self::Set { node } => node,
            Self::Add { end, .. } => end,
        }
    }
}

impl Splice {
    pub(super) fn into_change(self) -> Change {
        self.change
    }
}

/// Sorts splices by their events, which is also the order of their bytes; refuses two of one scalar.
pub(super) fn in_file_order(mut splices: Vec<Splice>, stream: &Stream) -> Result<Vec<Splice>, EditError> {
    splices.sort_by_key(|splice| splice.expect.event());
    for (at, splice) in splices.iter().enumerate() {
        let same_event = splices[..at].iter().rev().take_while(|s| s.expect.event() == splice.expect.event());
        if same_event.into_iter().any(|earlier| earlier.expect == splice.expect) {
            return Err(Refusal::SetTwice.at(stream.place(splice.expect.event()), &splice.change.path));
        }
    }
    Ok(splices)
}

/// `text` with every splice made; splices that overlap leave text out, which the proof then refuses.
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
