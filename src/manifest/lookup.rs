//! Finds the one node that a path names.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::error::{EditError, Hint, Missing, Position, Refusal};
use super::parser::Kind;
use super::path::{Path, Segment};
use super::stream::Stream;
use super::trail;

/// The most names that a refusal lists.
const MAX_NAMES: usize = 8;

/// A node that a path names.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) node: usize,
    /// The node's key, if its parent is a mapping.
    pub(super) key: Option<usize>,
    /// The collections around it, outermost first.
    pub(super) around: Vec<usize>,
}

/// Why a path could not be followed to its end.
pub(super) enum LookupError {
    Missing(Box<MissingPath>),
    Refused(Position, Refusal),
}

impl LookupError {
    /// Converts this to the error of the edit `label`.
    pub(super) fn at(self, label: &str) -> EditError {
        match self {
            Self::Missing(gap) => gap.refusal.at(gap.place, label),
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
    /// Whether a merge key supplies the missing part.
    pub(super) merged: bool,
    /// Whether the same number of steps exists from another start.
    pub(super) tied: bool,
}

/// The result of following a path.
pub(super) enum Lookup {
    Found(Found),
    MissingPath(Box<MissingPath>),
}

/// Finds the node at `path`, which must exist in exactly one document.
pub(super) fn only(stream: &Stream, path: &Path) -> Result<Found, EditError> {
    let label = path.to_string();
    match look(stream, roots(stream), path, &label)? {
        Lookup::Found(found) => Ok(found),
        Lookup::MissingPath(gap) => Err(gap.refusal.at(gap.place, label)),
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
    (0..path.segments().len()).try_fold(start, |found, depth| step(stream, found, path, depth))
}

/// Follows one step from `found`, which is the node after `depth` steps of `path`.
pub(super) fn step(stream: &Stream, found: Found, path: &Path, depth: usize) -> Result<Found, LookupError> {
    let at = found.node;
    if let Kind::Alias(name) = stream.kind(at) {
        return Err(LookupError::Refused(stream.place(at), Refusal::Alias { name: name.to_string() }));
    }
    let hit = match &path.segments()[depth] {
        Segment::Key(key) => by_key(stream, at, key)?,
        Segment::Item { field, value } => by_field(stream, at, field, value, &path.segments()[depth])?,
        Segment::Index(index) => by_index(stream, at, *index),
        Segment::Text => None,
    };
    let Some((key, node)) = hit else {
        return Err(missing(stream, found, path, depth));
    };
    let mut around = found.around;
    around.push(at);
    Ok(Found { node, key, around })
}

type MatchedChild = Option<(Option<usize>, usize)>;

fn by_key(stream: &Stream, at: usize, key: &str) -> Result<MatchedChild, LookupError> {
    if !matches!(stream.kind(at), Kind::MappingStart { .. }) {
        return Ok(None);
    }
    let mut hits = stream.pairs(at).filter(|(k, _)| stream.scalar(stream.resolved(*k)) == Some(key));
    let Some((k, value)) = hits.next() else { return Ok(None) };
    if let Some((again, _)) = hits.next() {
        return Err(duplicate(stream, key, k, again));
    }
    if let Kind::Alias(name) = stream.kind(k) {
        return Err(LookupError::Refused(stream.place(k), Refusal::Alias { name: name.to_string() }));
    }
    Ok(Some((Some(k), value)))
}

fn by_field(
    stream: &Stream,
    at: usize,
    field: &str,
    value: &str,
    selector: &Segment,
) -> Result<MatchedChild, LookupError> {
    if !matches!(stream.kind(at), Kind::SequenceStart { .. }) {
        return Ok(None);
    }
    let mut hits = stream.children(at).filter(|item| has(stream, *item, field, value));
    let Some(item) = hits.next() else { return Ok(None) };
    if let Some(other) = hits.next() {
        let refusal = Refusal::Ambiguous { selector: selector.to_string(), other: stream.place(other) };
        return Err(LookupError::Refused(stream.place(item), refusal));
    }
    by_key(stream, stream.resolved(item), field)?;
    Ok(Some((None, item)))
}

fn has(stream: &Stream, item: usize, field: &str, value: &str) -> bool {
    let item = stream.resolved(item);
    let is = |node, text| stream.scalar(stream.resolved(node)) == Some(text);
    matches!(stream.kind(item), Kind::MappingStart { .. })
        && stream.pairs(item).any(|(k, v)| is(k, field) && is(v, value))
}

fn by_index(stream: &Stream, at: usize, index: usize) -> MatchedChild {
    let is_list = matches!(stream.kind(at), Kind::SequenceStart { .. });
    if is_list { stream.children(at).nth(index).map(|item| (None, item)) } else { None }
}

/// Refuses a mapping that has any key twice.
pub(super) fn no_duplicates(stream: &Stream, mapping: usize) -> Result<(), LookupError> {
    let mut seen = HashMap::new();
    for (key, _) in stream.pairs(mapping) {
        let Some(name) = stream.scalar(stream.resolved(key)) else { continue };
        if let Some(first) = seen.insert(name, key) {
            return Err(duplicate(stream, name, first, key));
        }
    }
    Ok(())
}

fn duplicate(stream: &Stream, key: &str, first: usize, again: usize) -> LookupError {
    let refusal = Refusal::DuplicateKey { key: key.to_owned(), first: stream.place(first) };
    LookupError::Refused(stream.place(again), refusal)
}

fn missing(stream: &Stream, nearest: Found, path: &Path, depth: usize) -> LookupError {
    let at = nearest.node;
    let segment = &path.segments()[depth];
    let name = match trail::path(stream, &nearest.around, nearest.node) {
        root if root.segments().is_empty() => "the top level".to_owned(),
        path => format!("`{path}`"),
    };
    let (add, merge) = match segment {
        Segment::Key(key) => (format!("the key `{segment}`"), merged(stream, at, key)),
        Segment::Item { .. } => (format!("an item that fits `{segment}`"), None),
        Segment::Index(_) => (format!("an item `{segment}`"), None),
        Segment::Text => ("a text".to_owned(), None),
    };
    let hint = hint(stream, &nearest, path, depth);
    let missing = Missing { nearest: name, has: content(stream, at, segment), merge, add, hint };
    let refusal = Refusal::Missing(Box::new(missing));
    let place = stream.place(at);
    LookupError::Missing(Box::new(MissingPath {
        nearest,
        depth,
        place,
        refusal,
        merged: merge.is_some(),
        tied: false,
    }))
}

/// Suggests what the user may have meant by the steps from `depth` on.
fn hint(stream: &Stream, nearest: &Found, path: &Path, depth: usize) -> Hint {
    let mut steps = trail::path(stream, &nearest.around, nearest.node).segments().to_vec();
    let rest = &path.segments()[depth..];
    match (stream.kind(nearest.node), rest) {
        (Kind::MappingStart { .. }, [Segment::Key(_), ..]) => {
            let keys =
                rest.iter().map_while(|step| if let Segment::Key(key) = step { Some(&**key) } else { None });
            let keys: Vec<&str> = keys.collect();
            let joined = (2..=keys.len()).map(|count| (count, keys[..count].join(".")));
            match joined.into_iter().find(|(_, key)| stream.get(nearest.node, key).is_some()) {
                Some((count, key)) => {
                    steps.push(Segment::Key(key));
                    steps.extend_from_slice(&rest[count..]);
                    Hint::Write(Path::new(steps).to_string())
                }
                None => Hint::None,
            }
        }
        (Kind::SequenceStart { .. }, [Segment::Key(key), rest @ ..]) => match key.parse() {
            Ok(index) => {
                steps.push(Segment::Index(index));
                steps.extend_from_slice(rest);
                Hint::Write(Path::new(steps).to_string())
            }
            Err(_) => Hint::Never,
        },
        (Kind::MappingStart { .. } | Kind::SequenceStart { .. }, _) => match rest.first() {
            Some(Segment::Index(_)) => Hint::Never,
            _ => Hint::None,
        },
        (_, _) if stream.scalar(nearest.node).is_some_and(super::quote::is_null) => Hint::None,
        _ => Hint::Never,
    }
}

/// Describes the content of the node in which `segment` was looked for.
fn content(stream: &Stream, at: usize, segment: &Segment) -> String {
    match (stream.kind(at), segment) {
        (Kind::MappingStart { .. }, Segment::Key(_)) => {
            names("the keys", stream.pairs(at).map(|(key, _)| stream.scalar(key)))
        }
        (Kind::MappingStart { .. }, _) => "is a mapping, not a list".to_owned(),
        (Kind::SequenceStart { .. }, Segment::Item { field, .. }) => {
            let values = stream.children(at).map(|item| {
                let item = stream.resolved(item);
                let is_mapping = matches!(stream.kind(item), Kind::MappingStart { .. });
                stream.scalar(stream.resolved(stream.get(item, field).filter(|_| is_mapping)?))
            });
            names(&format!("items with the `{field}`"), values)
        }
        (Kind::SequenceStart { .. }, Segment::Index(_)) => {
            format!("has {} items, counted from 0", stream.children(at).count())
        }
        (Kind::SequenceStart { .. }, Segment::Key(_)) => "is a list, not a mapping".to_owned(),
        _ if stream.scalar(at) == Some("") => "is empty".to_owned(),
        _ => "is a single value".to_owned(),
    }
}

fn names<'a>(what: &str, names: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut quoted: Vec<String> = names.flatten().take(MAX_NAMES + 1).map(|n| format!("`{n}`")).collect();
    if quoted.is_empty() {
        return "is empty".to_owned();
    }
    if quoted.len() > MAX_NAMES {
        quoted[MAX_NAMES] = "…".to_owned();
    }
    format!("has {what} {}", quoted.join(", "))
}

/// The position of the `<<` through which a mapping takes `key` from another mapping.
fn merged(stream: &Stream, mapping: usize, key: &str) -> Option<Position> {
    let is_mapping = |node: usize| matches!(stream.kind(node), Kind::MappingStart { .. });
    let merge = stream
        .pairs(mapping)
        .filter(|_| is_mapping(mapping))
        .find(|(k, _)| stream.scalar(*k) == Some("<<"))?;
    let mut open = vec![merge.1];
    let mut seen = std::collections::HashSet::new();
    while let Some(node) = open.pop().map(|node| stream.resolved(node)) {
        if !seen.insert(node) {
            continue;
        }
        match stream.kind(node) {
            Kind::SequenceStart { .. } => open.extend(stream.children(node)),
            Kind::MappingStart { .. } if stream.get(node, key).is_some() => {
                return Some(stream.place(merge.0));
            }
            Kind::MappingStart { .. } => open.extend(stream.get(node, "<<")),
            _ => {}
        }
    }
    None
}
