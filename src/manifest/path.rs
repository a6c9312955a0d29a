//! Paths into a YAML file: `image.tag`, `containers[name=app].image`, `args[0]`, `"a.b".c`.

mod reader;

use std::fmt;

use super::pattern;

/// The path to a value in a document: keys joined by dots, `[name=x]` for the item of a list whose `name`
/// is `x`, `[0]` for an item by number, and `"…"` (with `\"` and `\\`) around a key or a selector's value
/// that holds one of `. [ ] = | "`, a backslash or white space (a selector's value may hold dots without quotes). Outside
/// of quotes a backslash before such a character does the same: `annotations.example\.com/build`, as in Helm.
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

/// A selector's value may hold dots, such as a registry's host.
fn is_bare_value(c: char) -> bool {
    c == '.' || is_bare(c)
}
