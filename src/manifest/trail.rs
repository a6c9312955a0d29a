//! The path of a node from the root of its document.

use super::path::{Path, Segment};
use super::stream::Stream;

/// The path to `node`, through the collections `around` it, in the form of a target. Empty for the root.
pub(super) fn path(stream: &Stream, around: &[usize], node: usize) -> Path {
    let chain = [around, &[node]].concat();
    Path::new(chain.windows(2).map(|pair| segment(stream, pair[0], pair[1])).collect())
}

/// The step from `parent` to `child`. Uses an item's name if no other item has it, since indexes change more often.
pub(super) fn segment(stream: &Stream, parent: usize, child: usize) -> Segment {
    if stream.is_mapping(parent) {
        let key = stream.pairs(parent).find(|(_, value)| *value == child);
        let key = key.and_then(|(key, _)| stream.scalar(stream.resolved(key)));
        return Segment::Key(key.unwrap_or_default().to_owned());
    }
    let name = |item: usize| text(stream, item, "name");
    let named = name(child)
        .filter(|own| stream.children(parent).filter(|item| name(*item) == Some(own)).count() == 1);
    match named {
        Some(value) => Segment::Item { field: "name".to_owned(), value: value.to_owned() },
        None => Segment::Index(stream.children(parent).position(|item| item == child).unwrap_or_default()),
    }
}

/// The value under `key`, if `node` is a mapping that has it.
pub(super) fn child(stream: &Stream, node: usize, key: &str) -> Option<usize> {
    let node = stream.resolved(node);
    let value = stream.is_mapping(node).then(|| stream.get(node, key))?;
    value.map(|value| stream.resolved(value))
}

/// The scalar under `key`, if `node` is a mapping that has it.
pub(super) fn text<'a>(stream: &'a Stream, node: usize, key: &str) -> Option<&'a str> {
    stream.scalar(child(stream, node, key)?)
}
