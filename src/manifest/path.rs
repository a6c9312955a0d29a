//! Paths into a YAML file: `image.tag`, `containers[name=app].image`, `args[0]`, `"a.b".c`.

use std::fmt;
use std::str::FromStr;

use super::pattern;

/// The path to a value in a document: keys joined by dots, `[name=x]` for the item of a list whose `name`
/// is `x`, `[0]` for an item by number, and `"…"` (with `\"` and `\\`) around a key or a selector's value
/// that holds one of `. [ ] = "` or white space (a selector's value may hold dots without quotes). A backslash before
/// such a character does the same: `annotations.example\.com/build`, as in Helm.
///
/// `|` leads into YAML that is a text: `data."values.yaml"|image.tag`. `[+]` at the end is the item with the edit's value,
/// which is added to the list unless the list has it. `~"…"` at the end is the part of a text that the one group of a regular
/// expression matches: `url~"[?]ref=(.+)"`; there only a quote is escaped, by `\"`, and every other backslash belongs to the
/// expression.
///
/// `Display` writes the form that is parsed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path(Vec<Segment>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Segment {
    Key(String),
    Item {
        field: String,
        value: String,
    },
    Index(usize),
    /// Enters a text, which is YAML itself.
    Text,
    /// The item that an edit adds to a list.
    Append,
    /// The part of a text that the group of this regular expression matches.
    Pattern(String),
}

/// A path that cannot be parsed: the column, and what is expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path `{path}` is wrong at column {column}: expected {expected}, found {found}")]
pub struct PathError {
    /// The path as it was given.
    pub path: String,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What is expected there.
    pub expected: &'static str,
    /// What was found there.
    pub found: String,
}

impl Path {
    pub(super) fn new(segments: Vec<Segment>) -> Self {
        Self(segments)
    }

    /// Splits this path into the path to a text and the path within it. None if this path does not enter a text.
    pub(super) fn split_text(&self) -> Option<(Self, Self)> {
        let at = self.0.iter().position(|segment| *segment == Segment::Text)?;
        Some((Self(self.0[..at].to_vec()), Self(self.0[at + 1..].to_vec())))
    }

    /// Splits off the last step if `is_it`.
    pub(super) fn split_end(&self, is_it: impl Fn(&Segment) -> bool) -> Option<(Self, &Segment)> {
        let (last, rest) = self.0.split_last().filter(|(last, _)| is_it(last))?;
        Some((Self(rest.to_vec()), last))
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(_) if at > 0 && self.0[at - 1] != Segment::Text => write!(f, ".{segment}")?,
                _ => write!(f, "{segment}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write_name(f, key, is_bare),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Text => f.write_str("|"),
            Self::Append => f.write_str("[+]"),
            Self::Pattern(pattern) => write!(f, "~\"{}\"", pattern::quoted(pattern)),
            Self::Item { field, value } => {
                f.write_str("[")?;
                write_name(f, field, is_bare)?;
                f.write_str("=")?;
                write_name(f, value, is_bare_value)?;
                f.write_str("]")
            }
        }
    }
}

/// Formats foreign text for a message: control characters are escaped, all others are kept.
pub(super) fn printable(text: &str) -> String {
    let shown =
        text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() });
    shown.collect()
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str, bare: fn(char) -> bool) -> fmt::Result {
    if !name.is_empty() && name.chars().all(bare) {
        return f.write_str(name);
    }
    write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_bare(c: char) -> bool {
    !matches!(c, '.' | '[' | ']' | '=' | '"' | '\\' | '|') && !c.is_whitespace() && !c.is_control()
}

/// Characters that a backslash escapes outside of quotes: Helm's own way to write a dot within a key
/// (helm.sh, "Using Helm", "The Format and Limitations of --set").
const ESCAPED: &[char] = &['.', ',', '[', ']', '=', '"', '\\', '|'];

/// A selector's value may hold dots, such as a registry's host.
fn is_bare_value(c: char) -> bool {
    c == '.' || is_bare(c)
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        let mut reader = Reader { path, at: 0 };
        let mut segments = Vec::new();
        loop {
            if reader.rest().starts_with('|')
                && segments.iter().filter(|step| **step == Segment::Text).count() == MAX_TEXTS
            {
                return Err(reader.error("no further `|` after three"));
            }
            let begins = segments.last().is_none_or(|last| *last == Segment::Text);
            if segments.len() == MAX_STEPS {
                return Err(reader.error("the end after 256 steps"));
            }
            segments.push(reader.segment(begins)?);
            if reader.rest().is_empty() {
                return Ok(Self(segments));
            }
            match segments.last() {
                Some(Segment::Append) => return Err(reader.error("the end after `[+]`")),
                Some(Segment::Pattern(_)) => return Err(reader.error("the end after the pattern")),
                _ => {}
            }
        }
    }
}

/// The most steps. No file is deeper (`parser::MAX_DEPTH`), but an alias may lead back to a mapping around it, and each step searches
/// a mapping.
const MAX_STEPS: usize = 256;
/// The most texts that a path enters, each in the one before. An edit in a text is planned three times, so each text makes the work
/// three times as large.
const MAX_TEXTS: usize = 3;
const APPEND: &str = "[+]";
const PATTERN: &str = "~\"";

struct Reader<'a> {
    path: &'a str,
    /// The position, in bytes.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.path[self.at..]
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn segment(&mut self, first: bool) -> Result<Segment, PathError> {
        if self.rest().starts_with(APPEND) {
            self.at += APPEND.len();
            return Ok(Segment::Append);
        }
        if self.eat('[') {
            return self.selector();
        }
        if !first && self.rest().starts_with(PATTERN) {
            self.at += PATTERN.len();
            return self.pattern();
        }
        if !first && self.eat('|') {
            if self.rest().is_empty() {
                return Err(self.error("a key or `[`"));
            }
            return Ok(Segment::Text);
        }
        if !first && !self.eat('.') {
            return Err(self.error("`.`, `[` or the end"));
        }
        self.name(is_bare, "a key").map(Segment::Key)
    }

    fn selector(&mut self) -> Result<Segment, PathError> {
        let expected = "a number or `name=value`";
        let start = self.at;
        let quoted = self.rest().starts_with('"');
        let field = self.name(is_bare, expected)?;
        let segment = if self.eat('=') {
            Segment::Item { field, value: self.name(is_bare_value, "a value")? }
        } else {
            match field.parse() {
                Ok(index) if !quoted && field.bytes().all(|b| b.is_ascii_digit()) => Segment::Index(index),
                _ => {
                    self.at = start;
                    return Err(self.error(expected));
                }
            }
        };
        if self.eat(']') { Ok(segment) } else { Err(self.error("`]`")) }
    }

    /// The regular expression up to the next quote without a backslash.
    fn pattern(&mut self) -> Result<Segment, PathError> {
        let start = self.at;
        let Some((pattern, length)) = pattern::unquoted(self.rest()) else {
            self.at = self.path.len();
            return Err(self.error("a closing `\"`"));
        };
        pattern::check(&pattern)
            .map_err(|expected| PathError { column: self.column(start), ..self.error(expected) })?;
        self.at += length;
        Ok(Segment::Pattern(pattern))
    }

    fn name(&mut self, bare: fn(char) -> bool, expected: &'static str) -> Result<String, PathError> {
        if self.eat('"') {
            return self.quoted();
        }
        let mut name = String::new();
        while let Some(c) = self.rest().chars().next() {
            if self.rest().starts_with(PATTERN) {
                break;
            }
            let escaped = self.rest().strip_prefix('\\').and_then(|rest| rest.chars().next());
            match escaped.filter(|c| ESCAPED.contains(c)) {
                Some(escaped) => {
                    self.at += 1 + escaped.len_utf8();
                    name.push(escaped);
                }
                None if c == '\\' || bare(c) => {
                    self.at += c.len_utf8();
                    name.push(c);
                }
                None => break,
            }
        }
        if name.is_empty() { Err(self.error(expected)) } else { Ok(name) }
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let mut name = String::new();
        while let Some(c) = self.rest().chars().next() {
            if c.is_control() {
                return Err(self.error("a printable character"));
            }
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(name),
                '\\' if self.eat('"') => name.push('"'),
                '\\' if self.eat('\\') => name.push('\\'),
                '\\' => return Err(self.error("`\"` or `\\` after a backslash")),
                c => name.push(c),
            }
        }
        Err(self.error("a closing `\"`"))
    }

    fn error(&self, expected: &'static str) -> PathError {
        let found = self
            .rest()
            .chars()
            .next()
            .map_or("the end".to_owned(), |c| format!("`{}`", printable(c.encode_utf8(&mut [0; 4]))));
        PathError { path: printable(self.path), column: self.column(self.at), expected, found }
    }

    fn column(&self, at: usize) -> usize {
        self.path[..at].chars().count() + 1
    }
}
