//! The reasons why a file cannot be edited at all.

use super::{EditError, Position};

/// Why a file cannot be edited at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// There is no document in it.
    #[error(
        "holds no value yet: add the key there first, or let it be added with `create: true` (`--create`)"
    )]
    Empty,
    /// There is no document in it, and `create` makes none for such a target.
    #[error("holds no value, so nothing in it can be named; is it the right file?")]
    Blank,
    /// It is over 10 MiB.
    #[error("has {bytes} bytes, more than the 10 MiB that are edited; is it a manifest?")]
    TooLarge {
        /// The file's size in bytes.
        bytes: usize,
    },
    /// It is nested too deeply.
    #[error("is nested more than 256 levels deep; is it a manifest? Make it flatter")]
    TooDeep,
    /// It has too many values.
    #[error("holds more than 200,000 keys and values, the most that are edited; is it a manifest?")]
    TooManyNodes,
    /// The edits would read it too often.
    #[error(
        "is too large for so many additions to one list or mapping, since each of them reads it again; make them in several steps, or in a smaller file"
    )]
    TooMuchWork,
    /// It has too many `%TAG` directives.
    #[error("has more than 64 `%TAG` directives; remove some")]
    TooManyDirectives,
    /// It has another encoding, or binary data.
    #[error("is not UTF-8 here; save it as UTF-8")]
    NotUtf8,
    /// It has a character that YAML forbids.
    #[error(
        "holds {character:?}, a character that YAML does not allow; remove it, or write it as an escape in double quotes"
    )]
    ControlCharacter {
        /// The character.
        character: char,
    },
    /// libyaml refuses it.
    #[error("is not valid YAML: {problem}; {hint}")]
    NotYaml {
        /// libyaml's message.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// The parser has a bug.
    #[error(
        "uses YAML that the parser stumbles over, such as a tag before a comma (`[!!str, x]`); write it otherwise"
    )]
    ParserFailed,
    /// It has an unquoted `{{ … }}`.
    #[error("holds an unquoted `{{{{`, so it is a Go template, not YAML: edit the values file that feeds it")]
    Template,
    /// It has an alias without its anchor.
    #[error(
        "is not valid YAML: the alias `*{name}` has no anchor `&{name}` before it; add one, or write the value out"
    )]
    UnknownAlias {
        /// The alias's name.
        name: String,
    },
}

impl FileProblem {
    pub(in crate::manifest) fn at(self, place: Position) -> EditError {
        EditError::File { place, problem: self }
    }
}

impl FileProblem {
    /// Also moves the second position in libyaml's message: `while parsing a block mapping from 3:1`.
    pub(in crate::manifest) fn moved(self, moved: &dyn Fn(Position) -> Position) -> Self {
        let Self::NotYaml { problem, hint } = self else { return self };
        let place = problem.rsplit_once(" from ").and_then(|(words, place)| {
            let (line, column) = place.split_once(':')?;
            let place = Position { line: line.parse().ok()?, column: column.parse().ok()? };
            Some(format!("{words} from {}", moved(place)))
        });
        Self::NotYaml { problem: place.unwrap_or(problem), hint }
    }
}
