//! The rules for the matches of a value.

use std::ops::Range;

/// Which matches of a value are redacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// All.
    Anywhere,
    /// Only whole words.
    Word,
    /// Inside a run of encoding characters; the whole run is redacted.
    Encoded,
}

/// Whether `span` is a whole word. A dot beside it ends a sentence, or is part of a name.
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

/// `span`, extended on both sides by the bytes for which `belongs` is true.
pub(super) fn run(text: &[u8], span: Range<usize>, belongs: impl Fn(u8) -> bool) -> Range<usize> {
    let before = text[..span.start].iter().rev().take_while(|b| belongs(**b)).count();
    let after = text[span.end..].iter().take_while(|b| belongs(**b)).count();
    span.start - before..span.end + after
}
