//! Cleans foreign text before a person, a log or a terminal sees it.
//!
//! Text from a server, a build, a file or a user may contain escape sequences that a terminal executes, carriage
//! returns that overwrite earlier text, and characters that reorder or hide others. This room removes them.

mod near;

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use percent_encoding::percent_decode_str;

pub(crate) use near::{near, plain as without_separators};

/// The most bytes of a server's text in a message.
pub const SHOWN: usize = 600;

/// Marks text that was cut.
const MORE: char = '…';

/// What happens to line breaks and tabs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Breaks {
    /// They become spaces.
    Spaces,
    /// Line feeds and tabs are kept.
    Kept,
}

/// `text` on one line: characters that break a line or move within it become spaces.
pub fn line(text: &str) -> String {
    plain(text, Breaks::Spaces)
}

/// `text` with its line feeds and tabs.
pub fn lines(text: &str) -> String {
    plain(text, Breaks::Kept)
}

/// Parses a port number, which must be digits only. Rust would also accept `+5000`.
pub(crate) fn port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `text` with its percent escapes decoded (RFC 3986, section 2.1). `None` if an escape is broken, or if the result
/// is not UTF-8.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let digits =
        |at: usize| text.get(at + 1..at + 3).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let whole = text.match_indices('%').all(|(at, _)| digits(at));
    whole.then(|| percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned))?
}

/// `text` on one line with single spaces, in at most `limit` bytes. Only the part of it that is needed is read.
pub fn brief(text: &str, limit: usize) -> String {
    // Four times the limit: what is removed, such as colours, is rarely more than three quarters.
    let read = head(text, limit.saturating_mul(4));
    let mut words = line(read).split_whitespace().collect::<Vec<_>>().join(" ");
    if read.len() < text.len() {
        words.push(MORE);
    }
    cut(words, limit)
}

/// Whether `name` matches `pattern`, in which `*` is any text and `?` any one character.
pub(crate) fn matches_wildcard(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut retry) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                // The last star takes one more character.
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (p, n) = (star + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The first `most` of `names`, and the number of the others.
pub(crate) fn first(names: &[String], most: usize) -> String {
    let shown = names[..names.len().min(most)].join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// ` (the server says: …)`, or nothing if `said` is empty.
pub fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" (the server says: {said})") }
}

/// Bytes for people, with powers of 1000 as in `buildctl du`: `999 B`, `1.2 kB`, `34 GB`.
pub(crate) fn size_text(bytes: u64) -> String {
    let mut unit = 0;
    let mut size = bytes as f64;
    while size >= 999.5 && unit < 4 {
        size /= 1000.0;
        unit += 1;
    }
    let name = ["B", "kB", "MB", "GB", "TB"][unit];
    if unit > 0 && size < 9.95 { format!("{size:.1} {name}") } else { format!("{size:.0} {name}") }
}

/// At most `limit` bytes of `text`, with `…` if it was cut.
pub fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.push(MORE);
    }
    text
}

/// The first `limit` bytes of `text`, or fewer to end at a character.
pub fn head(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// The text after the last carriage return: the part that a terminal shows of a line with progress.
pub fn drawn(line: &str) -> &str {
    let line = line.trim_end_matches(['\n', '\r']);
    line.rsplit('\r').next().unwrap_or(line)
}

/// Cleans a log line in JSON. The JSON escapes of hidden characters (`\u001b`) are removed too, because a reader that
/// decodes them would show them.
pub fn json_line(json: &str) -> String {
    let json = lines(json);
    let mut plain = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let (shown, length) = match escape.as_bytes().first() {
            Some(b'u') if escape.get(1..5).is_some_and(hides) => ("", 5),
            Some(b'r' | b'b' | b'f') => (" ", 1),
            _ => ("\\", 0),
        };
        plain.push_str(shown);
        let (kept, after) = match length {
            // The escaped character may itself be a backslash.
            0 => escape.split_at(escape.chars().next().map_or(0, char::len_utf8)),
            length => ("", &escape[length..]),
        };
        plain.push_str(kept);
        rest = after;
    }
    plain + rest
}

fn hides(hex: &str) -> bool {
    u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).is_some_and(|c| c.is_control() || is_hidden(c))
}

fn plain(text: &str, breaks: Breaks) -> String {
    // Most text needs no change and is copied at once.
    if text
        .bytes()
        .all(|b| matches!(b, b' '..=b'~') || (breaks == Breaks::Kept && matches!(b, b'\n' | b'\t')))
    {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    // Whether a string may end on this line. The search for the end is made only once.
    let mut ends = true;
    while let Some(c) = chars.next() {
        ends |= c == '\n';
        match c {
            '\n' | '\t' if breaks == Breaks::Kept => shown.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\u{1b}' if chars.next_if(|c| matches!(c, ']' | 'P' | 'X' | '^' | '_')).is_some() => {
                ends = ends && skip_string(&mut chars);
            }
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => ends = ends && skip_string(&mut chars),
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control(&mut chars),
            '\n' | '\t' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => shown.push(' '),
            c if c.is_control() || is_hidden(c) => {}
            c => shown.push(c),
        }
    }
    shown
}

/// Whether a character has no visible form: it reorders text, has no width, or is no text (Unicode 17, `Bidi_Control`
/// and `Default_Ignorable_Code_Point`, except the variation selectors that letters use).
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether `c` changes the order of other characters (Unicode UAX 9, overrides and isolates).
pub fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Skips the rest of an escape sequence after ESC (ECMA-48, 5.3 and 5.4).
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    if chars.next_if_eq(&'[').is_some() {
        return skip_control(chars);
    }
    while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
    chars.next_if(|c| ('0'..='~').contains(c));
}

/// Skips a control sequence: parameters, and a final byte (ECMA-48, 5.4).
fn skip_control(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// Skips a command string, such as a window's title, up to its end, BEL or ST. If its line has no end, nothing is
/// skipped. Returns whether there was an end.
fn skip_string(chars: &mut Peekable<Chars<'_>>) -> bool {
    let mut ahead = chars.clone();
    while let Some(c) = ahead.next_if(|c| *c != '\n') {
        let ended = match c {
            '\u{7}' | '\u{9c}' => true,
            '\u{1b}' => ahead.next_if_eq(&'\\').is_some(),
            _ => false,
        };
        if ended {
            *chars = ahead;
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
