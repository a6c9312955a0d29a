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

/// The node with the collections around it, below `root`. Of each of these collections only the items are visited: a file may
/// have many documents with an alias each.
pub(super) fn one(stream: &Stream, root: usize, node: usize) -> Option<Found> {
    let mut found = Found { node: root, key: None, around: Vec::new() };
    while found.node != node {
        let at = found.node;
        let (mut before, mut last, mut count) = (at, at, 0);
        for child in stream.children(at).take_while(|child| *child <= node) {
            (before, last, count) = (last, child, count + 1);
        }
        if count == 0 {
            return None;
        }
        let is_value = count % 2 == 0 && stream.is_mapping(at);
        found.key = is_value.then_some(before);
        found.node = last;
        found.around.push(at);
    }
    Some(found)
}

/// The given `nodes`, which are in the order of the file, each with the collections around it.
pub(super) fn all(stream: &Stream, nodes: &[usize]) -> impl Iterator<Item = Found> {
    let mut nodes = nodes.iter().copied().peekable();
    // The open collections: the node, the number of its children so far, and the last child.
    let mut open: Vec<(usize, usize, usize)> = Vec::new();
    stream.events().iter().enumerate().filter_map(move |(at, event)| {
        if matches!(event.kind, Kind::MappingEnd | Kind::SequenceEnd) {
            open.pop();
            return None;
        }
        let parent = open.last().copied();
        let found = nodes.next_if_eq(&at).map(|_| {
            let is_value =
                |(node, count, _): &(usize, usize, usize)| count % 2 == 1 && stream.is_mapping(*node);
            let key = parent.filter(is_value).map(|(_, _, key)| key);
            Found { node: at, key, around: open.iter().map(|(node, ..)| *node).collect() }
        });
        if let Some((_, count, last)) = open.last_mut() {
            (*count, *last) = (*count + 1, at);
        }
        if stream.is_mapping(at) || stream.is_list(at) {
            open.push((at, 0, at));
        }
        found
    })
}
