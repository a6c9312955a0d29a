//! The reasons why an edit is refused, and their messages.

use std::fmt;

use crate::outcome::Fault;

/// A position in a file. Line and column count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why nothing was written. The caller adds the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file as a whole cannot be edited.
    #[error("{place}: the file {problem}")]
    File {
        /// Where the problem is.
        place: Position,
        /// The problem.
        problem: FileProblem,
    },
    /// The value must not be written there.
    #[error("`{path}` cannot be set to {value:?}: {reason}")]
    Value {
        /// The edit's path.
        path: String,
        /// The edit's value.
        value: String,
        /// The problem with the value, and what to write instead.
        reason: String,
    },
    /// The scalar does not exist, is not a single value, or must not be changed.
    #[error("{place}: `{path}` {refusal}")]
    Refused {
        /// The edit's path.
        path: String,
        /// The position to look at.
        place: Position,
        /// The reason.
        refusal: Refusal,
    },
    /// The result did not pass the proof.
    #[error(
        "{place}: the edit of `{path}` did not pass its proof, so nothing was written; this is a bug, please report it with the file"
    )]
    Unproven {
        /// The first edit's path.
        path: String,
        /// The first difference between the old and the new file.
        place: Position,
    },
}

impl EditError {
    /// Who has to act: the user, unless the proof failed.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unproven { .. } => Fault::Ours,
            Self::File { .. } | Self::Value { .. } | Self::Refused { .. } => Fault::User,
        }
    }
}

/// Why a file cannot be edited at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// There is no document in it.
    #[error("holds no value yet: add the key there first, or let it be added with `create`")]
    Empty,
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
    pub(super) fn at(self, place: Position) -> EditError {
        EditError::File { place, problem: self }
    }
}

/// Why one scalar cannot be set. The text follows the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such key or item.
    #[error("does not exist; {0}")]
    Missing(
        /// The keys or items that exist, and what to do.
        Box<Missing>,
    ),
    /// The path exists in several documents.
    #[error("exists in several documents of this file, also at {other}; it must be in one")]
    SeveralDocuments {
        /// The position in the second document.
        other: Position,
    },
    /// A selector matches several items.
    #[error("is ambiguous: `{selector}` fits another item at {other}; make the names unique")]
    Ambiguous {
        /// The selector.
        selector: String,
        /// The position of the second item.
        other: Position,
    },
    /// A name matches several nodes.
    #[error("fits more than one place: {places}; name one, or make the names unique")]
    Several {
        /// The positions of all of them.
        places: NamedPositions,
    },
    /// A name matches nothing.
    #[error("does not exist: there is no such {what}; {}", has.found())]
    NoSuch {
        /// The sort of thing that was looked for.
        what: &'static str,
        /// The names of that sort that exist.
        has: NamedPositions,
    },
    /// A kind is in the wrong case; kubectl would accept it.
    #[error("does not exist: kinds are written as the file has them; write `{meant}`")]
    Misspelt {
        /// The correct name of the object.
        meant: String,
    },
    /// A mapping has a key twice.
    #[error(
        "is not certain: the key `{key}` stands here again, first at {first}, and readers disagree on which counts; remove one"
    )]
    DuplicateKey {
        /// The key.
        key: String,
        /// The position of its first occurrence.
        first: Position,
    },
    /// The path ends at an alias, or leads through one.
    #[error(
        "leads to the alias `*{name}`, so setting it would change everything that uses `&{name}`; write the value out here, or name the path of the anchor's own value"
    )]
    Alias {
        /// The anchor's name.
        name: String,
    },
    /// An alias uses the value, or a collection around it.
    #[error(
        "is shared: it belongs to the anchor `&{name}`, and the alias at {alias} would change with it; write the value out in one of the two places"
    )]
    Shared {
        /// The anchor's name.
        name: String,
        /// The position of its first alias.
        alias: Position,
    },
    /// The scalar is written with `|` or `>`.
    #[error("is a block scalar (`|` or `>`), which is not edited; write it on one line")]
    BlockScalar,
    /// A setter comment names a part that the value does not have.
    #[error("wants the {part} here, which the value does not have; give the whole `name:tag@digest`")]
    LacksPart {
        /// `name`, `tag` or `digest`.
        part: &'static str,
    },
    /// The values are text, but not written after `|`.
    #[error("leads into text that is not written behind `|`; write it as `values: |`, or as `valuesObject`")]
    NotLiteral,
    /// A block scalar whose lines are not the lines of its value.
    #[error("leads into a block scalar whose lines cannot be told apart; set it by hand once")]
    OddBlock,
    /// The edit is refused inside the text of a block scalar, which is parsed as a file of its own.
    #[error("cannot be set inside this text: {problem}")]
    Inside {
        /// The problem there, and what to do. Positions in it count from the start of the text.
        problem: String,
    },
    /// The node is a mapping or a list.
    #[error("is a {kind}, not a single value; name a path inside it")]
    Collection {
        /// `mapping` or `list`.
        kind: &'static str,
    },
    /// A tag gives the value another type.
    #[error("has the tag `{tag}`, so that a string cannot stand there; remove the tag")]
    Tagged {
        /// The resolved tag.
        tag: String,
    },
    /// The scalar has a quoted `{{ … }}`.
    #[error(
        "is computed by a Go template (`{{{{`), which the edit would destroy; set the value that it reads"
    )]
    Template,
    /// A plain value needs quotes, and a line of white space with a tab follows it.
    #[error(
        "needs quotes for this value, and a blank line after it holds a tab, which YAML allows only after an unquoted value; remove the tab"
    )]
    TabLine,
    /// An explicit key has no `:`.
    #[error("has no `:` and so no place for a value; write it as `key: value`")]
    NoColon,
    /// The tag is set, but a digest decides which image runs.
    #[error(
        "would not take effect: a digest pins this image and decides which one runs; set the digest too, or take it away with an empty one (`:TAG@`, `digest=`)"
    )]
    PinnedByDigest,
    /// The mapping does not have the shape of an image that we know.
    #[error(
        "does not exist in a known shape: of the keys {keys} it cannot be told what the chart renders; set the keys themselves with `helm:`"
    )]
    UnknownShape {
        /// The mapping's keys.
        keys: String,
    },
    /// Nothing would read the new entry of `images`.
    #[error("cannot be added: {why}; {mend}")]
    DeadEntry {
        /// The reason why nothing would read it.
        why: String,
        /// What to do.
        mend: String,
    },
    /// A field cannot be added safely.
    #[error("cannot be added: {why}; add the key by hand once")]
    CannotAdd {
        /// The obstacle.
        why: &'static str,
    },
    /// Two edits set one scalar.
    #[error("is set twice in one update; leave one of them out")]
    SetTwice,
}

/// Names with their positions, in the order of the file. A long list is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPositions {
    /// Each name with its position.
    pub places: Vec<(Position, String)>,
    /// The number of names that are not listed.
    pub more: usize,
}

impl NamedPositions {
    /// The most names that are listed.
    const MAX: usize = 16;

    pub(super) fn of(places: impl Iterator<Item = (Position, String)>) -> Self {
        let mut places: Vec<_> = places.collect();
        let more = places.len().saturating_sub(Self::MAX);
        places.truncate(Self::MAX);
        Self { places, more }
    }

    fn found(&self) -> String {
        if self.places.is_empty() { "the file has none".to_owned() } else { format!("the file has {self}") }
    }
}

impl fmt::Display for NamedPositions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (place, name)) in self.places.iter().enumerate() {
            write!(f, "{}`{name}` at {place}", if at > 0 { ", " } else { "" })?;
        }
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

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
    /// `create` cannot add the missing part there.
    Never,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the nearest is {}, which {}", self.nearest, self.has)?;
        if let Some(place) = self.merge {
            write!(f, ", and takes that key only through the merge `<<` at {place}, which is not edited")?;
        }
        match &self.hint {
            Hint::Write(path) => write!(f, ". Write `{path}`"),
            Hint::None if self.merge.is_none() => {
                write!(
                    f,
                    ". Add {} there first, or let it be added with `create: true` (`--create`)",
                    self.add
                )
            }
            _ => write!(f, ". Add {} there first; `create` does not add it there", self.add),
        }
    }
}

/// Converts errors of a text within a file: their positions become positions in the file.
impl Refusal {
    pub(super) fn moved(self, moved: &dyn Fn(Position) -> Position) -> Self {
        match self {
            Self::SeveralDocuments { other } => Self::SeveralDocuments { other: moved(other) },
            Self::Ambiguous { selector, other } => Self::Ambiguous { selector, other: moved(other) },
            Self::Several { places } => Self::Several { places: places.moved(moved) },
            Self::NoSuch { what, has } => Self::NoSuch { what, has: has.moved(moved) },
            Self::DuplicateKey { key, first } => Self::DuplicateKey { key, first: moved(first) },
            Self::Shared { name, alias } => Self::Shared { name, alias: moved(alias) },
            Self::Missing(mut missing) => {
                missing.merge = missing.merge.map(moved);
                missing.nearest = match missing.nearest.as_str() {
                    "the top level" => "the top level of the text".to_owned(),
                    _ => missing.nearest,
                };
                Self::Missing(missing)
            }
            other => other,
        }
    }
}

impl FileProblem {
    /// Also moves the second position in libyaml's message: `while parsing a block mapping from 3:1`.
    pub(super) fn moved(self, moved: &dyn Fn(Position) -> Position) -> Self {
        let Self::NotYaml { problem, hint } = self else { return self };
        let place = problem.rsplit_once(" from ").and_then(|(words, place)| {
            let (line, column) = place.split_once(':')?;
            let place = Position { line: line.parse().ok()?, column: column.parse().ok()? };
            Some(format!("{words} from {}", moved(place)))
        });
        Self::NotYaml { problem: place.unwrap_or(problem), hint }
    }
}

impl NamedPositions {
    fn moved(self, moved: &dyn Fn(Position) -> Position) -> Self {
        let places = self.places.into_iter().map(|(place, name)| (moved(place), name)).collect();
        Self { places, more: self.more }
    }
}

impl Refusal {
    pub(super) fn at(self, place: Position, path: impl fmt::Display) -> EditError {
        EditError::Refused { path: path.to_string(), place, refusal: self }
    }
}
