//! Values for which there is no room to look for them exactly: a set of beginnings costs a few bytes each.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::rule::{Rule, is_whole, run};

/// Bytes of a value by which it is found.
const START: usize = 8;

/// What is looked for by its beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct Overflow {
    starts: HashSet<[u8; START]>,
    /// Values that are shorter than that, whole: filled up with zeros, their length in the last byte.
    short: HashMap<[u8; START], Rule>,
}

impl Overflow {
    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.short.is_empty()
    }

    pub(super) fn take(&mut self, value: &[u8], rule: Rule) {
        match value.first_chunk() {
            Some(start) => drop(self.starts.insert(*start)),
            None => drop(self.short.insert(padded(value), rule)),
        }
    }

    /// The places of values in `text`. For a long value it is the whole run of text in which it begins: its end is not known.
    pub(super) fn spans(&self, text: &[u8]) -> Vec<Range<usize>> {
        let (mut spans, mut from) = (Vec::new(), 0);
        while !self.is_empty() && from < text.len() {
            let long = self.long(text, from);
            let found = long.clone().or_else(|| self.short(text, from));
            // Another value may begin within a short one.
            from = long.map_or(from + 1, |span| span.end);
            spans.extend(found);
        }
        spans
    }

    fn long(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let start = text.get(from..)?.first_chunk::<START>()?;
        self.starts.contains(start).then(|| run(text, from..from + START, |b| !b.is_ascii_whitespace()))
    }

    /// The longest one that begins here.
    fn short(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        if self.short.is_empty() {
            return None;
        }
        let spans = (super::parts::SHORTEST..START).rev().map(|length| from..from + length);
        let counts = |span: &Range<usize>| {
            let rule = text.get(span.clone()).and_then(|value| self.short.get(&padded(value)));
            rule.is_some_and(|rule| *rule != Rule::Word || is_whole(text, span))
        };
        spans.into_iter().find(counts)
    }
}

/// `value`, of less than [`START`] bytes.
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
        overflow.take(b"abc-12", Rule::Anywhere);
        overflow.take(b"12-longer-value", Rule::Anywhere);
        assert_eq!(overflow.spans(b"abc-12-longer-value abc-12"), [0..6, 0..19, 20..26]);
    }
}
