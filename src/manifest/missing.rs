//! Describes how much of a path exists, and what the user can do about the rest.

use super::error::{Hint, Missing};
use super::located::Found;
use super::merge::Supplied;
use super::parser::Kind;
use super::path::{Path, Segment};
use super::stream::Stream;
use super::{addable, trail};

/// The most names that a refusal lists.
const MAX_NAMES: usize = 8;

/// Describes that the step of `path` after `depth` steps is missing in the node `nearest`, where `merged` may supply it.
pub(super) fn described(
    stream: &Stream,
    nearest: &Found,
    path: &Path,
    depth: usize,
    merged: Option<Supplied>,
) -> Missing {
    let segment = &path.segments()[depth];
    let name = match trail::path(stream, &nearest.around, nearest.node) {
        root if root.segments().is_empty() => "the top level".to_owned(),
        path => format!("`{path}`"),
    };
    let add = match segment {
        Segment::Key(_) => format!("the key `{segment}`"),
        Segment::Item { .. } => format!("an item that fits `{segment}`"),
        Segment::Index(_) => format!("an item `{segment}`"),
        Segment::Append => "a list".to_owned(),
        Segment::Text | Segment::Pattern(_) => "a text".to_owned(),
    };
    let hint = match merged {
        Some(merged) if !merged.is_overridable(stream, path, depth) => {
            Hint::Never("a key of its own would replace all that `<<` supplies there")
        }
        _ => hint(stream, nearest, path, depth),
    };
    let merge = merged.map(|merged| stream.place(merged.merge));
    Missing { nearest: name, has: content(stream, nearest.node, segment), merge, add, hint }
}

/// Suggests what the user may have meant by the steps from `depth` on, or says whether `create` adds them.
fn hint(stream: &Stream, nearest: &Found, path: &Path, depth: usize) -> Hint {
    let rest = &path.segments()[depth..];
    let meant = match stream.kind(nearest.node) {
        Kind::MappingStart { .. } => joined(stream, nearest.node, rest),
        Kind::SequenceStart { .. } => numbered(rest),
        _ => None,
    };
    if let Some(steps) = meant {
        let before = trail::path(stream, &nearest.around, nearest.node);
        return Hint::Write(Path::new([before.segments(), &steps].concat()).to_string());
    }
    addable::obstacle(stream, nearest.node, rest).map_or(Hint::None, Hint::Never)
}

/// `"example.com/version"` for `example.com/version`, if the mapping has such a key.
fn joined(stream: &Stream, mapping: usize, rest: &[Segment]) -> Option<Vec<Segment>> {
    let key = |step: &'_ Segment| match step {
        Segment::Key(key) => Some(key.clone()),
        _ => None,
    };
    let keys: Vec<String> = rest.iter().map_while(key).collect();
    let joined = (2..=keys.len()).map(|count| (count, keys[..count].join(".")));
    let (count, key) = joined.into_iter().find(|(_, key)| stream.get(mapping, key).is_some())?;
    Some([&[Segment::Key(key)], &rest[count..]].concat())
}

/// `[0]` for `0`.
fn numbered(rest: &[Segment]) -> Option<Vec<Segment>> {
    let [Segment::Key(key), rest @ ..] = rest else { return None };
    Some([&[Segment::Index(key.parse().ok()?)], rest].concat())
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
                let value = stream.is_mapping(item).then(|| stream.get(item, field))?;
                stream.scalar(stream.resolved(value?))
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
