//! Regular expressions with one group, which name a part of a text.

use regex_lite::{Regex, RegexBuilder};

/// The longest expression, in bytes.
const MAX_PATTERN: usize = 512;

/// The largest compiled expression, in bytes: `(a{1000}){1000}` is short and large.
const MAX_COMPILED: usize = 64 * 1024;

/// The longest text that is searched, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// The largest product of text and compiled expression, in bytes, since the time grows with it. The longest text allows an
/// expression of 8 KiB, some hundred characters.
const MAX_WORK: usize = 512 << 20;

const ONE_GROUP: &str = "a regular expression with exactly one group, as in `~\"[?]ref=(.+)\"`";

/// Why a text was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The text is too long.
    TooLong,
    /// The expression matches nowhere.
    Nowhere,
    /// The expression matches more than once.
    Often,
    /// The changed text would not match in the same way, so that the next edit would fail.
    Lost,
}

/// Checks a regular expression. The error says what is expected.
pub(super) fn check(pattern: &str) -> Result<(), &'static str> {
    if pattern.len() > MAX_PATTERN {
        return Err("a regular expression of at most 512 bytes");
    }
    compile(pattern, MAX_COMPILED).filter(|regex| regex.captures_len() == 2).map(|_| ()).ok_or(ONE_GROUP)
}

fn compile(pattern: &str, largest: usize) -> Option<Regex> {
    RegexBuilder::new(pattern).size_limit(largest).build().ok()
}

/// A text of which one part is replaced.
pub(super) struct Replaced {
    pub(super) text: String,
    pub(super) old: String,
    pub(super) new: String,
}

/// Replaces the part of `text` that the group of `pattern` matches by what `new` makes of it.
pub(super) fn replace<E: From<Mismatch>>(
    pattern: &str,
    text: &str,
    new: impl Fn(&str) -> Result<String, E>,
) -> Result<Replaced, E> {
    // The expression was checked, so it can only be too large for this text.
    let largest = MAX_COMPILED.min(MAX_WORK / text.len().max(1));
    let regex = compile(pattern, largest).ok_or(Mismatch::TooLong)?;
    let part = part(&regex, text)?;
    let old = text[part.clone()].to_owned();
    let new = new(&old)?;
    let changed = format!("{}{new}{}", &text[..part.start], &text[part.end..]);
    match self::part(&regex, &changed) {
        Ok(part) if changed[part.clone()] == new => Ok(Replaced { text: changed, old, new }),
        _ => Err(Mismatch::Lost.into()),
    }
}

/// The bytes of `text` that the group matches.
fn part(regex: &Regex, text: &str) -> Result<std::ops::Range<usize>, Mismatch> {
    if text.len() > MAX_TEXT {
        return Err(Mismatch::TooLong);
    }
    let mut all = regex.captures_iter(text);
    let first = all.next().ok_or(Mismatch::Nowhere)?;
    match all.next() {
        Some(_) => Err(Mismatch::Often),
        None => first.get(1).map(|group| group.range()).ok_or(Mismatch::Nowhere),
    }
}

/// A pattern as it is written between quotes.
pub(super) fn quoted(pattern: &str) -> String {
    let mut quoted = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '"' {
            quoted.push('\\');
        }
        quoted.push(c);
        if c == '\\' {
            quoted.extend(chars.next());
        }
    }
    quoted
}

/// The pattern before the next quote, and the number of bytes with that quote.
pub(super) fn unquoted(text: &str) -> Option<(String, usize)> {
    let mut pattern = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((pattern, at + 1)),
            (_, '\\') => match chars.next()?.1 {
                '"' => pattern.push('"'),
                c => pattern.extend(['\\', c]),
            },
            (_, c) if c.is_control() => return None,
            (_, c) => pattern.push(c),
        }
    }
}
