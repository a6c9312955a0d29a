//! Whether the missing steps of a path can be added.

use super::parser::{Kind, Style};
use super::path::Segment;
use super::quote::is_null;
use super::stream::Stream;

/// Why `steps` cannot be added to the node `nearest`, if they cannot: a mapping takes a key, a list an item, null both.
pub(super) fn obstacle(stream: &Stream, nearest: usize, steps: &[Segment]) -> Option<&'static str> {
    let is_key = matches!(steps.first(), Some(Segment::Key(_)));
    if let Some(obstacle) = steps_obstacle(steps) {
        return Some(obstacle);
    }
    match stream.kind(nearest) {
        Kind::MappingStart { .. } if is_key => None,
        Kind::MappingStart { .. } => Some("`create` adds no item to a mapping"),
        Kind::SequenceStart { .. } if is_key => Some("`create` adds no key to a list"),
        Kind::SequenceStart { .. } => None,
        Kind::Scalar { properties, value, style: Style::Plain } if is_null(value) => {
            let is_bare = properties.anchor.is_none() && properties.tag.is_none();
            if is_bare { None } else { Some("`create` does not replace a null that has an anchor or a tag") }
        }
        _ => Some("`create` does not replace a value"),
    }
}

/// Keys can be added, and items that are each followed by a key.
pub(super) fn steps_obstacle(steps: &[Segment]) -> Option<&'static str> {
    if steps.iter().any(|step| matches!(step, Segment::Index(_))) {
        return Some("`create` adds no item by its number; name it by a field, as in `[name=x]`");
    }
    let follows = |pair: &[Segment]| match pair {
        [Segment::Key(_), Segment::Key(_) | Segment::Item { .. } | Segment::Append] => true,
        // An item that is added for `[name=x]` already has its name.
        [Segment::Item { field, .. }, Segment::Key(key)] => field != key,
        _ => false,
    };
    let ends = matches!(steps.last(), Some(Segment::Key(_) | Segment::Append));
    match ends && steps.windows(2).all(follows) {
        true => None,
        false => Some("`create` adds keys, and items that have a key"),
    }
}
