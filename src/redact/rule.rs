//! Where a value counts, and how far it reaches.

use std::ops::Range;

/// Where a value counts in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Wherever it stands.
    Anywhere,
    /// As a whole word.
    Word,
    /// As a part of a run of characters that encode something; all of the run counts.
    Encoded,
}

/// Whether no word goes on beside `span`. A dot ends a sentence, or stands within a name.
pub(super) fn is_whole(text: &[u8], span: &Range<usize>) -> bool {
    let inside = |b: Option<&u8>| {
        b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | 0x80..))
    };
    let before = span.start.checked_sub(1).and_then(|at| text.get(at));
    let after = match text.get(span.end) {
        Some(b'.') => text.get(span.end + 1),
        after => after,
    };
    !inside(before) && !inside(after)
}

/// `span` with all that `belongs` to it on both sides.
pub(super) fn run(text: &[u8], span: Range<usize>, belongs: impl Fn(u8) -> bool) -> Range<usize> {
    let before = text[..span.start].iter().rev().take_while(|b| belongs(**b)).count();
    let after = text[span.end..].iter().take_while(|b| belongs(**b)).count();
    span.start - before..span.end + after
}
