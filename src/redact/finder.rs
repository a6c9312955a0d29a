//! Searches a text for all values at once. The time does not depend on their number.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use secrecy::{ExposeSecret, SecretString};

use super::overflow::Overflow;
use super::rule::{Rule, is_whole, run};

/// The most matches per byte, on average. Beyond it, the whole text is redacted. Many values that are suffixes of
/// each other would otherwise make the search slow.
const MAX_MATCHES_PER_BYTE: usize = 16;

pub(super) struct Finder {
    /// `None` if it could not be built. Then every text is redacted completely.
    values: Option<AhoCorasick>,
    rules: Vec<Rule>,
    overflow: Overflow,
}

impl std::fmt::Debug for Finder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finder").field("values", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Finder {
    pub(super) fn new(needles: &[(SecretString, Rule)], overflow: &Overflow) -> Self {
        let values = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(needles.iter().map(|(needle, _)| needle.expose_secret()))
            .ok();
        let rules = needles.iter().map(|(_, rule)| *rule).collect();
        Self { values, rules, overflow: overflow.clone() }
    }

    /// `text` with `replacement` for each match. A text that cannot be searched is redacted completely.
    pub(super) fn redacted(&self, text: &str, replacement: &str) -> String {
        let Some(values) = &self.values else { return replacement.to_owned() };
        let mut spans = self.spans(values, text.as_bytes());
        for unescaped in [escaped(text), percent(text)].into_iter().flatten() {
            spans.extend(
                self.spans(values, &unescaped.text)
                    .into_iter()
                    .map(|span| unescaped.source(span, text.len())),
            );
        }
        spans.sort_by_key(|span| span.start);
        let (mut clean, mut done) = (String::with_capacity(text.len()), 0);
        for span in spans {
            let (start, end) = (text.floor_char_boundary(span.start), text.ceil_char_boundary(span.end));
            if start >= done {
                clean.push_str(&text[done..start]);
                clean.push_str(replacement);
            }
            done = done.max(end);
        }
        clean.push_str(&text[done..]);
        clean
    }

    /// The spans of the matches, ordered by their ends. Matches that overlap are one span.
    fn spans(&self, values: &AhoCorasick, text: &[u8]) -> Vec<Range<usize>> {
        let (mut spans, mut run_end) = (Vec::new(), 0);
        for (count, found) in values.find_overlapping_iter(text).enumerate() {
            if count > MAX_MATCHES_PER_BYTE * (text.len() + 1) {
                return std::iter::once(0..text.len()).collect();
            }
            match self.rules.get(found.pattern().as_usize()) {
                Some(Rule::Word) if !is_whole(text, &found.range()) => {}
                Some(Rule::Encoded) if found.start() < run_end => {}
                Some(Rule::Encoded) => {
                    let run = run(text, found.range(), is_encoding);
                    run_end = run.end;
                    join(&mut spans, run);
                }
                _ => join(&mut spans, found.range()),
            }
        }
        spans.extend(self.overflow.spans(text));
        spans
    }
}

/// Adds `span`, which does not end before the others, and merges it with those that it overlaps.
fn join(spans: &mut Vec<Range<usize>>, mut span: Range<usize>) {
    while let Some(last) = spans.pop_if(|last| last.end > span.start) {
        span = span.start.min(last.start)..span.end.max(last.end);
    }
    spans.push(span);
}

/// Whether a byte is a character of base64 (both alphabets) or of hex.
fn is_encoding(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// A text without its escapes.
struct Unescaped {
    text: Vec<u8>,
    /// For each byte, its offset in the original text.
    offsets: Vec<usize>,
}

impl Unescaped {
    /// Replaces each escape in `text`, which begins with `mark`. `unescape` gets the bytes after the mark; it returns
    /// the decoded bytes, and how many bytes they replace. `None` if the text has no mark.
    fn of(text: &str, mark: u8, unescape: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>) -> Option<Self> {
        let bytes = text.as_bytes();
        bytes.contains(&mark).then(|| {
            let mut unescaped =
                Self { text: Vec::with_capacity(bytes.len()), offsets: Vec::with_capacity(bytes.len()) };
            let mut at = 0;
            while let Some(byte) = bytes.get(at) {
                let (meant, length) =
                    (*byte == mark).then(|| unescape(&bytes[at + 1..])).flatten().unwrap_or((vec![*byte], 0));
                unescaped.offsets.extend(meant.iter().map(|_| at));
                unescaped.text.extend(meant);
                at += 1 + length;
            }
            unescaped
        })
    }

    fn source(&self, span: Range<usize>, length: usize) -> Range<usize> {
        let offset = |at: usize| self.offsets.get(at).copied().unwrap_or(length);
        offset(span.start)..offset(span.end)
    }
}

/// `%2F` (RFC 3986, section 2.1).
fn percent(text: &str) -> Option<Unescaped> {
    Unescaped::of(text, b'%', |rest| Some((vec![hex(rest.get(..2)?)?], 2)))
}

/// The escapes of string literals: `\n`, `\"`, `\u00e9`, `\x41`.
fn escaped(text: &str) -> Option<Unescaped> {
    Unescaped::of(text, b'\\', |rest| match rest.first()? {
        b'u' => {
            let code = u32::from(hex(rest.get(1..3)?)?) << 8 | u32::from(hex(rest.get(3..5)?)?);
            Some((char::from_u32(code)?.to_string().into_bytes(), 5))
        }
        b'x' => Some((vec![hex(rest.get(1..3)?)?], 3)),
        b'n' => Some((vec![b'\n'], 1)),
        b't' => Some((vec![b'\t'], 1)),
        b'r' => Some((vec![b'\r'], 1)),
        other if other.is_ascii_punctuation() => Some((vec![*other], 1)),
        _ => None,
    })
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}
