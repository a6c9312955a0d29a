//! A node with the collections around it.

use super::parser::Kind;
use super::stream::Stream;

/// A node, and how it is reached.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) node: usize,
    /// The node's key, if its parent is a mapping.
    pub(super) key: Option<usize>,
    /// The collections around it, outermost first.
    pub(super) around: Vec<usize>,
}

impl Found {
    /// The collections around the node, and the node itself.
    pub(super) fn chain(&self) -> Vec<usize> {
        [self.around.as_slice(), &[self.node]].concat()
    }
}

/// The node with the collections around it.
pub(super) fn one(stream: &Stream, node: usize) -> Option<Found> {
    all(stream, &[node]).pop()
}

/// The given `nodes`, which are in the order of the file, each with the collections around it.
pub(super) fn all(stream: &Stream, nodes: &[usize]) -> Vec<Found> {
    let mut nodes = nodes.iter().copied().peekable();
    // The open collections: the node, the number of its children so far, and the last child.
    let mut open: Vec<(usize, usize, usize)> = Vec::new();
    let mut all = Vec::new();
    for (at, event) in stream.events().iter().enumerate() {
        if matches!(event.kind, Kind::MappingEnd | Kind::SequenceEnd) {
            open.pop();
            continue;
        }
        let parent = open.last().copied();
        if nodes.next_if_eq(&at).is_some() {
            let is_value =
                |(node, count, _): &(usize, usize, usize)| count % 2 == 1 && stream.is_mapping(*node);
            let key = parent.filter(is_value).map(|(_, _, key)| key);
            all.push(Found { node: at, key, around: open.iter().map(|(node, ..)| *node).collect() });
        }
        if let Some((_, count, last)) = open.last_mut() {
            (*count, *last) = (*count + 1, at);
        }
        if stream.is_mapping(at) || stream.is_list(at) {
            open.push((at, 0, at));
        }
    }
    all
}
