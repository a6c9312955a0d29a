//! What exists of a path, and what to do about the rest.

use std::fmt;

use super::Position;

/// Describes the part of a path that exists, and the part that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The deepest path that exists.
    pub nearest: String,
    /// The content of the node at that path.
    pub has: String,
    /// The position of the merge key `<<` that supplies the key.
    pub merge: Option<Position>,
    /// The part that is missing in the file.
    pub add: String,
    /// What to do instead.
    pub hint: Hint,
}

/// What the user may have meant by a path that ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// No suggestion: the missing part can be added.
    None,
    /// Write this path instead; more of it exists.
    Write(String),
    /// The missing part is the key of a digest, which `create` writes into the tag.
    IntoTag,
    /// `create` cannot add the missing part there, for this reason.
    Never(&'static str),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the nearest is {}, which {}", self.nearest, self.has)?;
        match (&self.hint, self.merge) {
            (Hint::Write(path), None) => write!(f, ". Write `{path}`"),
            (Hint::None, None) => {
                write!(
                    f,
                    ". Add {} there first, or let it be added with `create: true` (`--create`)",
                    self.add
                )
            }
            (Hint::IntoTag, None) => write!(
                f,
                ". Add {} there first if the chart reads it, or let the digest be written into the tag with `create: true` (`--create`)",
                self.add
            ),
            (Hint::Never(why), None) => write!(f, ". Add {} there first; {why}", self.add),
            (hint, Some(merge)) => self.merged(f, hint, merge),
        }
    }
}

impl Missing {
    fn merged(&self, f: &mut fmt::Formatter<'_>, hint: &Hint, merge: Position) -> fmt::Result {
        write!(f, ", and takes that key through the merge `<<` at {merge}. ")?;
        let all = "set it for all that use it with `shared: true` (`--shared`)";
        match hint {
            Hint::Never(why) => {
                write!(f, "It is not overridden here: {why}; {all}, or write the mapping out here")
            }
            _ => write!(f, "Override it here with `create: true` (`--create`), or {all}"),
        }
    }

    /// This description of a text within a file. `text` is the path of the text from the root, and `written` what is
    /// written before paths within it.
    pub(super) fn moved(self, moved: &dyn Fn(Position) -> Position, text: &str, written: &str) -> Self {
        let nearest = match self.nearest.strip_prefix('`') {
            Some(path) => format!("`{text}|{path}"),
            None => format!("{} of the text `{text}`", self.nearest),
        };
        let hint = match self.hint {
            Hint::Write(path) => Hint::Write(format!("{written}{path}")),
            other => other,
        };
        Self { nearest, hint, merge: self.merge.map(moved), ..self }
    }
}
