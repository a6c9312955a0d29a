//! The reasons why one value is not set.

use std::fmt;

use super::{EditError, Missing, NamedPositions, Position};
use crate::manifest::pattern::Mismatch;

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
    /// A name matches several nodes that a longer name tells apart.
    #[error("fits more than one place: {places}; name one, as in `{example}`")]
    SeveralNamed {
        /// The positions of all of them.
        places: NamedPositions,
        /// The longer name of one of them.
        example: String,
    },
    /// A name matches nothing.
    #[error("does not exist: there is no such {what}; {}", has.found())]
    NoSuch {
        /// The sort of thing that was looked for.
        what: &'static str,
        /// The names of that sort that exist.
        has: NamedPositions,
    },
    /// Argo CD's `kustomize.images` has no string for an image.
    #[error(
        "does not exist: there is no such entry of `kustomize.images`; {}; let it be added with `create: true` (`--create`)",
        has.found()
    )]
    NoImage {
        /// The strings that exist.
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
        "leads to the alias `*{name}`, so setting it would change everything that uses `&{name}`; write the value out here, or set it for all of them with `shared: true` (`--shared`)"
    )]
    Alias {
        /// The anchor's name.
        name: String,
    },
    /// An alias uses the value, or a collection around it.
    #[error(
        "is shared: it belongs to the anchor `&{name}`, and the alias at {alias} would change with it; set it for all of them with `shared: true` (`--shared`), or write the value out in one of the places"
    )]
    Shared {
        /// The anchor's name.
        name: String,
        /// The position of its first alias.
        alias: Position,
    },
    /// The scalar is written with `|` or `>`, and has more than one word.
    #[error(
        "is a block scalar (`|` or `>`) of more than one word, which is not replaced as a whole; set a part of it by a pattern (`PATH~\"…(…)…\"`), or a value in it by `PATH|…` if it is YAML"
    )]
    BlockScalar,
    /// The new value cannot stand in a block scalar.
    #[error(
        "is a block scalar (`|` or `>`), which can hold neither an empty value nor spaces at the beginning or the end; write it on one line, in quotes"
    )]
    BlockValue,
    /// The pattern of the path matches nowhere in the text.
    #[error("has no part here that the pattern matches; compare the pattern with the text, and correct it")]
    NoMatch,
    /// The pattern of the path matches several times.
    #[error("has several parts here that the pattern matches; add more of the text around the group to it")]
    SeveralMatches,
    /// The pattern would not match the new text.
    #[error(
        "would not match its pattern with the new value, so that the next update would fail; write a group that also matches the new value"
    )]
    LostMatch,
    /// The text is too long for a pattern.
    #[error(
        "is a text of more than 64 KiB, or too long for so large an expression; name a smaller text, or write a shorter expression"
    )]
    LongText,
    /// A setter comment names a part that the value does not have.
    #[error("wants the {part} here, which the value does not have; give the whole `name:tag@digest`")]
    LacksPart {
        /// `name`, `tag` or `digest`.
        part: &'static str,
    },
    /// The text is written neither after `|` nor on one line.
    #[error(
        "leads into a text that is written neither behind `|` nor in quotes on one line without escapes; write it behind `|`"
    )]
    NotLiteral,
    /// A block scalar whose lines are not the lines of its value.
    #[error(
        "is a block scalar whose lines are not those of its text, such as a folded one (`>`); write it behind `|`"
    )]
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
        "would not take effect: a digest pins this image and decides which one runs; set the digest too, or remove it with the value `:TAG@` (`TAG@` for a `newTag` or a `tag`)"
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
    #[error("does not exist and cannot be added: {why}; {mend}")]
    DeadEntry {
        /// The reason why nothing would read it.
        why: String,
        /// What to do.
        mend: String,
    },
    /// `[+]` after something other than a list.
    #[error("would add an item to something that is not a list; name a list before `[+]`")]
    NoList,
    /// The list holds collections, and the value is a scalar.
    #[error(
        "would add a single value to a list of mappings or lists; name an item by a field, as in `[name=x].value`, with `create: true` (`--create`)"
    )]
    OtherItems,
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

impl Refusal {
    pub(in crate::manifest) fn at(self, place: Position, path: impl fmt::Display) -> EditError {
        EditError::Refused { path: path.to_string(), place, refusal: self }
    }
}

/// Converts errors of a text within a file: their positions become positions in the file.
impl Refusal {
    /// `text` is the path of the text from the root, and `written` what is written before paths within it.
    pub(in crate::manifest) fn moved(
        self,
        moved: &dyn Fn(Position) -> Position,
        text: &str,
        written: &str,
    ) -> Self {
        match self {
            Self::SeveralDocuments { other } => Self::SeveralDocuments { other: moved(other) },
            Self::Ambiguous { selector, other } => Self::Ambiguous { selector, other: moved(other) },
            Self::Several { places } => Self::Several { places: places.moved(moved) },
            Self::SeveralNamed { places, example } => {
                Self::SeveralNamed { places: places.moved(moved), example }
            }
            Self::NoImage { has } => Self::NoImage { has: has.moved(moved) },
            Self::NoSuch { what, has } => Self::NoSuch { what, has: has.moved(moved) },
            Self::DuplicateKey { key, first } => Self::DuplicateKey { key, first: moved(first) },
            Self::Shared { name, alias } => Self::Shared { name, alias: moved(alias) },
            Self::Missing(missing) => Self::Missing(Box::new(missing.moved(moved, text, written))),
            other => other,
        }
    }
}

impl From<Mismatch> for Refusal {
    fn from(mismatch: Mismatch) -> Self {
        match mismatch {
            Mismatch::Nowhere => Self::NoMatch,
            Mismatch::Often => Self::SeveralMatches,
            Mismatch::Lost => Self::LostMatch,
            Mismatch::TooLong => Self::LongText,
        }
    }
}
