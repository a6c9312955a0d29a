//! Looks for all remembered values at once: the time does not depend on their number.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use secrecy::{ExposeSecret, SecretString};

use super::overflow::Overflow;
use super::rule::{Rule, is_whole, run};

/// How many values may end at one byte, on average, before a text is blotted out whole: who remembers many values of which each
/// ends with another makes the search slow.
const MOST: usize = 16;

pub(super) struct Finder {
    /// None if it could not be built; then every text is blotted out whole.
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

    /// `text` with `blot` for everything that is found. What cannot be searched is blotted out whole.
    pub(super) fn blotted(&self, text: &str, blot: &str) -> String {
        let Some(values) = &self.values else { return blot.to_owned() };
        let mut spans = self.spans(values, text.as_bytes());
        for view in [escaped(text), percent(text)].into_iter().flatten() {
            spans
                .extend(self.spans(values, &view.text).into_iter().map(|span| view.source(span, text.len())));
        }
        spans.sort_by_key(|span| span.start);
        let (mut clean, mut done) = (String::with_capacity(text.len()), 0);
        for span in spans {
            let (start, end) = (text.floor_char_boundary(span.start), text.ceil_char_boundary(span.end));
            if start >= done {
                clean.push_str(&text[done..start]);
                clean.push_str(blot);
            }
            done = done.max(end);
        }
        clean.push_str(&text[done..]);
        clean
    }

    /// Where something is found, in the order of the ends: values that overlap are one span.
    fn spans(&self, values: &AhoCorasick, text: &[u8]) -> Vec<Range<usize>> {
        let (mut spans, mut run_end) = (Vec::new(), 0);
        for (count, found) in values.find_overlapping_iter(text).enumerate() {
            if count > MOST * (text.len() + 1) {
                return std::iter::once(0..text.len()).collect();
            }
            match self.rules.get(found.pattern().as_usize()) {
                Some(Rule::Word) if !is_whole(text, &found.range()) => {}
                Some(Rule::Encoded) if found.start() < run_end => {}
                Some(Rule::Encoded) => {
                    let run = run(text, found.range(), encodes);
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

/// Adds `span`, which does not end before the others, as one with those that it overlaps.
fn join(spans: &mut Vec<Range<usize>>, mut span: Range<usize>) {
    while let Some(last) = spans.pop_if(|last| last.end > span.start) {
        span = span.start.min(last.start)..span.end.max(last.end);
    }
    spans.push(span);
}

/// Characters of base64 in both alphabets, and of hex.
fn encodes(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// A text whose escapes are undone.
struct View {
    text: Vec<u8>,
    /// For each byte, its place in the text with escapes.
    places: Vec<usize>,
}

impl View {
    /// `text` with what `unescape` makes of it at each `mark`: bytes, and how many they replace. Nothing without a mark.
    fn of(text: &str, mark: u8, unescape: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>) -> Option<Self> {
        let bytes = text.as_bytes();
        bytes.contains(&mark).then(|| {
            let mut view =
                Self { text: Vec::with_capacity(bytes.len()), places: Vec::with_capacity(bytes.len()) };
            let mut at = 0;
            while let Some(byte) = bytes.get(at) {
                let (meant, length) =
                    (*byte == mark).then(|| unescape(&bytes[at + 1..])).flatten().unwrap_or((vec![*byte], 0));
                view.places.extend(meant.iter().map(|_| at));
                view.text.extend(meant);
                at += 1 + length;
            }
            view
        })
    }

    fn source(&self, span: Range<usize>, length: usize) -> Range<usize> {
        let place = |at: usize| self.places.get(at).copied().unwrap_or(length);
        place(span.start)..place(span.end)
    }
}

/// `%2F` (RFC 3986, section 2.1).
fn percent(text: &str) -> Option<View> {
    View::of(text, b'%', |rest| Some((vec![hex(rest.get(..2)?)?], 2)))
}

/// `\n`, `\"`, `\u00e9`, `\x41`, as string literals have them.
fn escaped(text: &str) -> Option<View> {
    View::of(text, b'\\', |rest| match rest.first()? {
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
