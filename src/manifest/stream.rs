//! A parsed file: its events, and functions to walk from node to node. A node is the index of its first event.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use super::error::{EditError, FileProblem, Position};
use super::parser::{self, Event, Kind, Properties};

/// The events of a file, and the links between them.
pub(super) struct Stream {
    events: Vec<Event>,
    /// For each event that starts a node, the index after that node.
    after: Vec<usize>,
    /// (alias, the node it stands for), in the order of the file.
    aliases: Vec<(usize, usize)>,
    /// Whether the current edit may change an anchor for all its aliases.
    shared: Cell<bool>,
    /// The mappings that were checked and have no key twice. An edit may set many values of one mapping.
    unique: RefCell<HashSet<usize>>,
}

impl Stream {
    /// Parses `text` and refuses text that no reader would accept as YAML data. A text without a document has no
    /// events.
    pub(super) fn parse(text: &str) -> Result<Self, EditError> {
        let events = parser::parse(text)?;
        let (after, aliases) = (link(&events), resolve(&events)?);
        let stream = Self { events, after, aliases, shared: Cell::default(), unique: RefCell::default() };
        match stream.template() {
            Some(node) => Err(FileProblem::Template.at(stream.place(node))),
            None => Ok(stream),
        }
    }

    /// Says whether the next edit may change an anchor for all its aliases.
    pub(super) fn share(&self, shared: bool) {
        self.shared.set(shared);
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.get()
    }

    /// Whether the mapping was checked and has no key twice.
    pub(super) fn is_unique(&self, mapping: usize) -> bool {
        self.unique.borrow().contains(&mapping)
    }

    pub(super) fn set_unique(&self, mapping: usize) {
        self.unique.borrow_mut().insert(mapping);
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    pub(super) fn kind(&self, node: usize) -> &Kind {
        &self.events[node].kind
    }

    pub(super) fn event(&self, node: usize) -> &Event {
        &self.events[node]
    }

    pub(super) fn place(&self, node: usize) -> Position {
        self.events[node].place
    }

    /// The index of the event that ends this collection.
    pub(super) fn end(&self, collection: usize) -> usize {
        self.after[collection] - 1
    }

    /// A scalar's value.
    pub(super) fn scalar(&self, node: usize) -> Option<&str> {
        match self.kind(node) {
            Kind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(super) fn is_mapping(&self, node: usize) -> bool {
        matches!(self.kind(node), Kind::MappingStart { .. })
    }

    pub(super) fn is_list(&self, node: usize) -> bool {
        matches!(self.kind(node), Kind::SequenceStart { .. })
    }

    /// Whether a collection is written in brackets.
    pub(super) fn is_flow(&self, node: usize) -> bool {
        matches!(
            self.kind(node),
            Kind::MappingStart { flow: true, .. } | Kind::SequenceStart { flow: true, .. }
        )
    }

    /// The root node of every document.
    pub(super) fn roots(&self) -> impl Iterator<Item = usize> {
        let starts = self.events.iter().enumerate();
        starts.filter(|(_, e)| matches!(e.kind, Kind::DocumentStart { .. })).map(|(at, _)| at + 1)
    }

    /// The items of a sequence, or the keys and values of a mapping in turn.
    pub(super) fn children(&self, collection: usize) -> impl Iterator<Item = usize> {
        let end = self.end(collection);
        let next = move |&node: &usize| Some(self.after[node]).filter(|&n| n < end);
        std::iter::successors(Some(collection + 1).filter(|&n| n < end), next)
    }

    /// The (key, value) pairs of a mapping.
    pub(super) fn pairs(&self, mapping: usize) -> impl Iterator<Item = (usize, usize)> {
        let keys = self.children(mapping).step_by(2);
        keys.map(|key| (key, self.after[key]))
    }

    /// The value under `key`; the first one if there are several.
    pub(super) fn get(&self, mapping: usize, key: &str) -> Option<usize> {
        self.pairs(mapping).find(|(k, _)| self.scalar(*k) == Some(key)).map(|(_, value)| value)
    }

    /// The node that an alias stands for. Any other node is returned unchanged.
    pub(super) fn resolved(&self, node: usize) -> usize {
        let found = self.aliases.binary_search_by_key(&node, |(alias, _)| *alias);
        found.map_or(node, |at| self.aliases[at].1)
    }

    /// The aliases of `node` itself.
    pub(super) fn aliases_of(&self, node: usize) -> impl Iterator<Item = usize> {
        self.aliases.iter().filter(move |(_, target)| *target == node).map(|(alias, _)| *alias)
    }

    /// The name of a node's anchor.
    pub(super) fn anchor(&self, node: usize) -> Option<&str> {
        properties(self.kind(node))?.anchor.as_deref()
    }

    /// The position of `{{` as YAML parses it: a flow mapping whose first key is a flow mapping, with nothing between.
    fn template(&self) -> Option<usize> {
        let opens = |e: &Event| matches!(e.kind, Kind::MappingStart { flow: true, .. });
        let pairs = self.events.windows(2);
        let touching = |w: &[Event]| opens(&w[0]) && opens(&w[1]) && w[0].span.end == w[1].span.start;
        pairs.enumerate().find(|(_, w)| touching(w)).map(|(at, _)| at)
    }
}

fn properties(kind: &Kind) -> Option<&Properties> {
    match kind {
        Kind::Scalar { properties, .. }
        | Kind::SequenceStart { properties, .. }
        | Kind::MappingStart { properties, .. } => Some(properties),
        _ => None,
    }
}

fn link(events: &[Event]) -> Vec<usize> {
    let mut after: Vec<usize> = (1..=events.len()).collect();
    let mut open = Vec::new();
    for (at, event) in events.iter().enumerate() {
        match event.kind {
            Kind::SequenceStart { .. } | Kind::MappingStart { .. } => open.push(at),
            Kind::SequenceEnd | Kind::MappingEnd => {
                if let Some(start) = open.pop() {
                    after[start] = at + 1;
                }
            }
            _ => {}
        }
    }
    after
}

/// An alias stands for the latest node before it, in its document, that has the anchor.
fn resolve(events: &[Event]) -> Result<Vec<(usize, usize)>, EditError> {
    let mut anchors = HashMap::new();
    let mut aliases = Vec::new();
    for (at, event) in events.iter().enumerate() {
        match &event.kind {
            Kind::DocumentStart { .. } => anchors.clear(),
            Kind::Alias(name) => match anchors.get(name) {
                Some(&node) => aliases.push((at, node)),
                None => return Err(FileProblem::UnknownAlias { name: name.to_string() }.at(event.place)),
            },
            kind => {
                if let Some(anchor) = properties(kind).and_then(|p| p.anchor.as_ref()) {
                    anchors.insert(anchor, at);
                }
            }
        }
    }
    Ok(aliases)
}
