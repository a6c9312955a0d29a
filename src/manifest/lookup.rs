//! Finds the one node that a path names.

mod child;

use std::cmp::Ordering;

use super::error::{EditError, Position, Refusal};
use super::merge::{self, Supplied};
use super::parser::Kind;
use super::path::{Path, Segment};
use super::stream::Stream;
use super::{located, missing};

pub(super) use super::located::Found;
pub(super) use child::no_duplicates;

/// Why a path could not be followed to its end.
pub(super) enum LookupError {
    Missing(Box<MissingPath>),
    Refused(Position, Refusal),
}

impl LookupError {
    /// Converts this to the error of the edit `label`.
    pub(super) fn at(self, label: &str) -> EditError {
        match self {
            Self::Missing(gap) => gap.error(label),
            Self::Refused(place, refusal) => refusal.at(place, label),
        }
    }
}

/// Describes a path of which only the first steps exist.
pub(super) struct MissingPath {
    /// The last node that exists.
    pub(super) nearest: Found,
    /// The number of steps that exist.
    pub(super) depth: usize,
    pub(super) place: Position,
    pub(super) refusal: Refusal,
    /// The merge key that supplies the missing part, if one does.
    pub(super) merged: Option<Supplied>,
    /// Whether the same number of steps exists from another start.
    pub(super) tied: bool,
}

impl MissingPath {
    /// The error that the path of the edit `label` is missing.
    pub(super) fn error(&self, label: &str) -> EditError {
        self.refusal.clone().at(self.place, label)
    }
}

/// The result of following a path.
pub(super) enum Lookup {
    Found(Found),
    MissingPath(Box<MissingPath>),
}

/// Finds the node at `path`, which must exist in exactly one document.
pub(super) fn only(stream: &Stream, path: &Path) -> Result<Found, EditError> {
    one(stream, roots(stream), path, &path.to_string())
}

/// Finds the node at `path` from exactly one of `starts`.
pub(super) fn one(stream: &Stream, starts: Vec<Found>, path: &Path, label: &str) -> Result<Found, EditError> {
    match look(stream, starts, path, label)? {
        Lookup::Found(found) => Ok(found),
        Lookup::MissingPath(gap) => Err(gap.error(label)),
    }
}

/// The root of every document.
pub(super) fn roots(stream: &Stream) -> Vec<Found> {
    stream.roots().map(|node| Found { node, key: None, around: Vec::new() }).collect()
}

/// Finds the node at `path` from exactly one of `starts`, or else the start from which most of the path exists.
pub(super) fn look(
    stream: &Stream,
    starts: Vec<Found>,
    path: &Path,
    label: &str,
) -> Result<Lookup, EditError> {
    let mut found: Option<Found> = None;
    let mut nearest: Option<Box<MissingPath>> = None;
    for start in starts {
        match (walk(stream, start, path), &found) {
            (Ok(hit), None) => found = Some(hit),
            (Ok(hit), Some(first)) => {
                let other = stream.place(hit.node);
                return Err(Refusal::SeveralDocuments { other }.at(stream.place(first.node), label));
            }
            (Err(LookupError::Refused(place, refusal)), _) => return Err(refusal.at(place, label)),
            (Err(LookupError::Missing(gap)), _) => nearest = Some(nearer(stream, nearest, gap)),
        }
    }
    match (found, nearest) {
        (Some(found), _) => Ok(Lookup::Found(found)),
        (None, Some(gap)) => Ok(Lookup::MissingPath(gap)),
        (None, None) => Err(super::FileProblem::Empty.at(Position::START)),
    }
}

/// Chooses the candidate with more existing steps. Of two equal ones, chooses the first, unless only its document is empty.
fn nearer(stream: &Stream, old: Option<Box<MissingPath>>, new: Box<MissingPath>) -> Box<MissingPath> {
    let Some(mut old) = old else { return new };
    let is_empty = |gap: &MissingPath| stream.scalar(gap.nearest.node) == Some("");
    match new.depth.cmp(&old.depth) {
        Ordering::Greater => new,
        Ordering::Equal if is_empty(&old) && !is_empty(&new) => new,
        Ordering::Equal if is_empty(&new) && !is_empty(&old) => old,
        Ordering::Equal => {
            old.tied = true;
            old
        }
        Ordering::Less => old,
    }
}

/// Follows the whole path from `start`.
pub(super) fn walk(stream: &Stream, start: Found, path: &Path) -> Result<Found, LookupError> {
    let end = (0..path.segments().len()).try_fold(start, |found, depth| step(stream, found, path, depth))?;
    if stream.is_shared() { followed(stream, end) } else { Ok(end) }
}

/// The node that an alias stands for, if the edit may change an anchor for all its aliases.
pub(super) fn followed(stream: &Stream, found: Found) -> Result<Found, LookupError> {
    match stream.kind(found.node) {
        Kind::Alias(name) if !stream.is_shared() => {
            let refusal = Refusal::Alias { name: name.to_string() };
            Err(LookupError::Refused(stream.place(found.node), refusal))
        }
        Kind::Alias(_) => Ok(elsewhere(stream, &found, stream.resolved(found.node)).unwrap_or(found)),
        _ => Ok(found),
    }
}

/// The node, which is in the same document as `found`.
fn elsewhere(stream: &Stream, found: &Found, node: usize) -> Option<Found> {
    located::one(stream, found.around.first().copied().unwrap_or(found.node), node)
}

/// Follows one step from `found`, which is the node after `depth` steps of `path`.
pub(super) fn step(stream: &Stream, found: Found, path: &Path, depth: usize) -> Result<Found, LookupError> {
    let found = followed(stream, found)?;
    let at = found.node;
    let hit = match &path.segments()[depth] {
        Segment::Key(key) => child::by_key(stream, at, key)?,
        Segment::Item { field, value } => child::by_field(stream, at, field, value, &path.segments()[depth])?,
        Segment::Index(index) => child::by_index(stream, at, *index),
        Segment::Text | Segment::Append | Segment::Pattern(_) => None,
    };
    let Some((key, node)) = hit else {
        return beyond(stream, found, path, depth);
    };
    let mut around = found.around;
    around.push(at);
    Ok(Found { node, key, around })
}

/// The value that a merge key supplies, if the edit may change it for all its aliases, or the error that it is missing.
fn beyond(stream: &Stream, found: Found, path: &Path, depth: usize) -> Result<Found, LookupError> {
    let merged = match &path.segments()[depth] {
        Segment::Key(key) => merge::supplied(stream, found.node, key),
        _ => None,
    };
    let shared = merged.filter(|_| stream.is_shared()).and_then(|m| elsewhere(stream, &found, m.value));
    if let Some(shared) = shared {
        return Ok(shared);
    }
    let refusal = Refusal::Missing(Box::new(missing::described(stream, &found, path, depth, merged)));
    let place = stream.place(found.node);
    Err(LookupError::Missing(Box::new(MissingPath {
        nearest: found,
        depth,
        place,
        refusal,
        merged,
        tied: false,
    })))
}
