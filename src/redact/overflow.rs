//! Values beyond the capacity of the exact search. They are found by their first bytes, which need little memory.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::rule::{Rule, is_whole, run};

/// The number of first bytes that are compared.
const START: usize = 8;

/// The set of first bytes of values.
#[derive(Debug, Clone, Default)]
pub(super) struct Overflow {
    starts: HashSet<[u8; START]>,
    /// Shorter values, complete: padded with zeros, with the length in the last byte.
    short: HashMap<[u8; START], Rule>,
}

impl Overflow {
    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.short.is_empty()
    }

    pub(super) fn add(&mut self, value: &[u8], rule: Rule) {
        match value.first_chunk() {
            Some(start) => drop(self.starts.insert(*start)),
            None => drop(self.short.insert(padded(value), rule)),
        }
    }

    /// The spans of values in `text`. For a long value, the end is not known, so the span is the whole word around
    /// its beginning.
    pub(super) fn spans(&self, text: &[u8]) -> Vec<Range<usize>> {
        let (mut spans, mut from) = (Vec::new(), 0);
        while !self.is_empty() && from < text.len() {
            let long = self.long(text, from);
            let found = long.clone().or_else(|| self.short(text, from));
            // Another value may begin inside a short one.
            from = long.map_or(from + 1, |span| span.end);
            spans.extend(found);
        }
        spans
    }

    fn long(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let start = text.get(from..)?.first_chunk::<START>()?;
        self.starts.contains(start).then(|| run(text, from..from + START, |b| !b.is_ascii_whitespace()))
    }

    /// The longest short value that begins here.
    fn short(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        if self.short.is_empty() {
            return None;
        }
        let spans = (super::parts::SHORTEST..START).rev().map(|length| from..from + length);
        let matches = |span: &Range<usize>| {
            let rule = text.get(span.clone()).and_then(|value| self.short.get(&padded(value)));
            rule.is_some_and(|rule| *rule != Rule::Word || is_whole(text, span))
        };
        spans.into_iter().find(matches)
    }
}

/// `value`, which is shorter than [`START`], with padding.
fn padded(value: &[u8]) -> [u8; START] {
    let mut padded = [0; START];
    for (to, from) in padded.iter_mut().zip(value) {
        *to = *from;
    }
    padded[START - 1] = value.len() as u8;
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_that_begins_within_a_short_one_is_found() {
        let mut overflow = Overflow::default();
        overflow.add(b"abc-12", Rule::Anywhere);
        overflow.add(b"12-longer-value", Rule::Anywhere);
        assert_eq!(overflow.spans(b"abc-12-longer-value abc-12"), [0..6, 0..19, 20..26]);
    }
}
