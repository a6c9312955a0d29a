//! Why an edit was not made: all refusals, and how they read.

use std::fmt;

use crate::outcome::Fault;

/// A place in a file, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Place {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why nothing was written. The file's name is the caller's to add.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file as a whole cannot be edited.
    #[error("{place}: the file {problem}")]
    File {
        /// Where it shows.
        place: Place,
        /// What is wrong.
        problem: FileProblem,
    },
    /// The value must not be written there.
    #[error("`{path}` cannot be set to {value:?}: {reason}")]
    Value {
        /// The edit's path.
        path: String,
        /// The edit's value.
        value: String,
        /// What is wrong with it, and what to write.
        reason: String,
    },
    /// The scalar is not there, not one, or not ours to change.
    #[error("{place}: `{path}` {refusal}")]
    Refused {
        /// The edit's path.
        path: String,
        /// The place to look at.
        place: Place,
        /// Why.
        refusal: Refusal,
    },
    /// The result did not pass the proof.
    #[error(
        "{place}: the edit of `{path}` did not pass its proof, so nothing was written; this is a bug, please report it with the file"
    )]
    Unproven {
        /// The first edit's path.
        path: String,
        /// Where old and new file part.
        place: Place,
    },
}

impl EditError {
    /// Whose turn it is: the user's, unless the proof failed.
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
    /// No document in it.
    #[error("holds no value yet: add the key there first, or let it be added with `create`")]
    Empty,
    /// Over 10 MiB.
    #[error("has {bytes} bytes, more than the 10 MiB that are edited; is it a manifest?")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Nested too deeply.
    #[error("is nested more than 256 levels deep; is it a manifest? Make it flatter")]
    TooDeep,
    /// A flood of values.
    #[error("holds more than 200,000 keys and values, the most that are edited; is it a manifest?")]
    TooManyNodes,
    /// A flood of `%TAG`.
    #[error("has more than 64 `%TAG` directives; remove some")]
    TooManyDirectives,
    /// Another encoding, or binary data.
    #[error("is not UTF-8 here; save it as UTF-8")]
    NotUtf8,
    /// A character that YAML forbids.
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
        /// libyaml's words.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A bug in the parser.
    #[error(
        "uses YAML that the parser stumbles over, such as a tag before a comma (`[!!str, x]`); write it otherwise"
    )]
    ParserFailed,
    /// An unquoted `{{ … }}`.
    #[error("holds an unquoted `{{{{`, so it is a Go template, not YAML: edit the values file that feeds it")]
    Template,
    /// An alias without its anchor.
    #[error(
        "is not valid YAML: the alias `*{name}` has no anchor `&{name}` before it; add one, or write the value out"
    )]
    UnknownAlias {
        /// The alias.
        name: String,
    },
}

impl FileProblem {
    pub(super) fn at(self, place: Place) -> EditError {
        EditError::File { place, problem: self }
    }
}

/// Why one scalar cannot be set; reads after the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such key or item.
    #[error("does not exist; {0}")]
    Missing(
        /// What there is, and what to do.
        Box<Missing>,
    ),
    /// In several documents.
    #[error("exists in several documents of this file, also at {other}; it must be in one")]
    SeveralDocuments {
        /// The second one.
        other: Place,
    },
    /// A selector that fits several items.
    #[error("is ambiguous: `{selector}` fits another item at {other}; make the names unique")]
    Ambiguous {
        /// The selector.
        selector: String,
        /// The second item.
        other: Place,
    },
    /// A name that fits several places.
    #[error("fits more than one place: {places}; name one, or make the names unique")]
    Several {
        /// All of them.
        places: Places,
    },
    /// A name that fits nothing.
    #[error("does not exist: there is no such {what}; {}", has.found())]
    NoSuch {
        /// What was looked for.
        what: &'static str,
        /// What there is of it.
        has: Places,
    },
    /// A kind in the wrong case, as kubectl takes it.
    #[error("does not exist: kinds are written as the file has them; write `{meant}`")]
    Misspelt {
        /// The object as it should be named.
        meant: String,
    },
    /// A key that its mapping has twice.
    #[error(
        "is not certain: the key `{key}` stands here again, first at {first}, and readers disagree on which counts; remove one"
    )]
    DuplicateKey {
        /// The key.
        key: String,
        /// Its first place.
        first: Place,
    },
    /// The path ends at an alias, or leads through one.
    #[error(
        "leads to the alias `*{name}`, so setting it would change everything that uses `&{name}`; write the value out here, or name the path of the anchor's own value"
    )]
    Alias {
        /// The anchor's name.
        name: String,
    },
    /// The value, or a collection around it, is used by an alias.
    #[error(
        "is shared: it belongs to the anchor `&{name}`, and the alias at {alias} would change with it; write the value out in one of the two places"
    )]
    Shared {
        /// The anchor's name.
        name: String,
        /// Its first alias.
        alias: Place,
    },
    /// `|` or `>`.
    #[error("is a block scalar (`|` or `>`), which is not edited; write it on one line")]
    BlockScalar,
    /// A setter comment for a part that the value does not have.
    #[error("wants the {part} here, which the value does not have; give the whole `name:tag@digest`")]
    LacksPart {
        /// `name`, `tag` or `digest`.
        part: &'static str,
    },
    /// Values that are text, but not behind `|`.
    #[error("leads into text that is not written behind `|`; write it as `values: |`, or as `valuesObject`")]
    NotLiteral,
    /// A block scalar whose lines are not the lines of its value.
    #[error("leads into a block scalar whose lines cannot be told apart; set it by hand once")]
    OddBlock,
    /// The text of a block scalar, as a file of its own, refuses the edit.
    #[error("cannot be set inside this text: {problem}")]
    Inside {
        /// What is wrong there, and what to do; places in it count from the text's start.
        problem: String,
    },
    /// A mapping or a list.
    #[error("is a {kind}, not a single value; name a path inside it")]
    Collection {
        /// `mapping` or `list`.
        kind: &'static str,
    },
    /// A tag that gives the value another type.
    #[error("has the tag `{tag}`, so that a string cannot stand there; remove the tag")]
    Tagged {
        /// The resolved tag.
        tag: String,
    },
    /// A quoted `{{ … }}`.
    #[error(
        "is computed by a Go template (`{{{{`), which the edit would destroy; set the value that it reads"
    )]
    Template,
    /// A plain value that needs quotes, with a tab on an empty line after it.
    #[error(
        "needs quotes for this value, and a blank line after it holds a tab, which YAML allows only after an unquoted value; remove the tab"
    )]
    TabLine,
    /// An explicit key that has no `:`.
    #[error("has no `:` and so no place for a value; write it as `key: value`")]
    NoColon,
    /// A tag under a digest.
    #[error(
        "would not take effect: a digest pins this image and decides which one runs; set the digest too, or take it away with an empty one (`:TAG@`, `digest=`)"
    )]
    PinnedByDigest,
    /// A mapping in which no image of a known shape can be told.
    #[error(
        "does not exist in a known shape: of the keys {keys} it cannot be told what the chart renders; set the keys themselves with `helm:`"
    )]
    UnknownShape {
        /// The mapping's keys.
        keys: String,
    },
    /// An entry of `images` that nothing would read.
    #[error("cannot be added: {why}; {mend}")]
    DeadEntry {
        /// What makes it so, and what to do.
        why: String,
        /// What to do.
        mend: String,
    },
    /// A field that cannot be added safely.
    #[error("cannot be added: {why}; add the key by hand once")]
    CannotAdd {
        /// What stands in the way.
        why: &'static str,
    },
    /// Two edits of one scalar.
    #[error("is set twice in one update; leave one of them out")]
    SetTwice,
}

/// Names and where they stand, in the order of the file; of many the first ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Each place with its name.
    pub places: Vec<(Place, String)>,
    /// How many more there are.
    pub more: usize,
}

impl Places {
    /// How many are listed.
    const MAX: usize = 16;

    pub(super) fn of(places: impl Iterator<Item = (Place, String)>) -> Self {
        let mut places: Vec<_> = places.collect();
        let more = places.len().saturating_sub(Self::MAX);
        places.truncate(Self::MAX);
        Self { places, more }
    }

    fn found(&self) -> String {
        if self.places.is_empty() { "the file has none".to_owned() } else { format!("the file has {self}") }
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (place, name)) in self.places.iter().enumerate() {
            write!(f, "{}`{name}` at {place}", if at > 0 { ", " } else { "" })?;
        }
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

/// How far a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The deepest path that exists.
    pub nearest: String,
    /// What stands there.
    pub has: String,
    /// The merge key `<<` that supplies the key from elsewhere.
    pub merge: Option<Place>,
    /// What the file lacks.
    pub add: String,
    /// What to do instead.
    pub hint: Hint,
}

/// What may have been meant by a path that ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Nothing else: what is missing can be added.
    None,
    /// This path, which leads further.
    Write(String),
    /// What is missing cannot be added there by `create`.
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

/// Errors of a text within a file, with the places that they have in the file.
impl Refusal {
    pub(super) fn moved(self, moved: &dyn Fn(Place) -> Place) -> Self {
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
    /// libyaml names a second place in its words: `while parsing a block mapping from 3:1`.
    pub(super) fn moved(self, moved: &dyn Fn(Place) -> Place) -> Self {
        let Self::NotYaml { problem, hint } = self else { return self };
        let place = problem.rsplit_once(" from ").and_then(|(words, place)| {
            let (line, column) = place.split_once(':')?;
            let place = Place { line: line.parse().ok()?, column: column.parse().ok()? };
            Some(format!("{words} from {}", moved(place)))
        });
        Self::NotYaml { problem: place.unwrap_or(problem), hint }
    }
}

impl Places {
    fn moved(self, moved: &dyn Fn(Place) -> Place) -> Self {
        let places = self.places.into_iter().map(|(place, name)| (moved(place), name)).collect();
        Self { places, more: self.more }
    }
}

impl Refusal {
    pub(super) fn at(self, place: Place, path: impl fmt::Display) -> EditError {
        EditError::Refused { path: path.to_string(), place, refusal: self }
    }
}
