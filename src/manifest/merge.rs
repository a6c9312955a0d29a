//! Merge keys (`<<`), through which a mapping takes keys from other mappings.

use std::collections::HashSet;

use super::parser::Kind;
use super::path::Path;
use super::stream::Stream;

/// The most collections that are searched for one key, which also limits how deep the search is. None is searched twice: a file
/// may nest aliases so that their number doubles with each line, and a large mapping may merge itself.
const MAX: usize = 1000;

/// A value that a mapping takes through a merge key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Supplied {
    /// The `<<`.
    pub(super) merge: usize,
    /// The value in the mapping that has it.
    pub(super) value: usize,
}

impl Supplied {
    /// Whether a key of its own can replace this value as the end of `path`, of which `depth` steps exist. A key of its
    /// own replaces a mapping with all its keys.
    pub(super) fn is_overridable(&self, stream: &Stream, path: &Path, depth: usize) -> bool {
        path.segments().len() == depth + 1 && stream.scalar(stream.resolved(self.value)).is_some()
    }
}

/// The value that `mapping` takes through its `<<` for `key`: from the first mapping that has it, and there its own key
/// before those of further merges (yaml.org/type/merge.html).
pub(super) fn supplied(stream: &Stream, mapping: usize, key: &str) -> Option<Supplied> {
    if !stream.is_mapping(mapping) {
        return None;
    }
    let (merge, sources) = stream.pairs(mapping).find(|(k, _)| stream.scalar(*k) == Some("<<"))?;
    value(stream, sources, key, &mut HashSet::new()).map(|value| Supplied { merge, value })
}

fn value(stream: &Stream, sources: usize, key: &str, searched: &mut HashSet<usize>) -> Option<usize> {
    let node = stream.resolved(sources);
    if searched.len() == MAX || !searched.insert(node) {
        return None;
    }
    match stream.kind(node) {
        Kind::SequenceStart { .. } => {
            stream.children(node).find_map(|item| value(stream, item, key, searched))
        }
        Kind::MappingStart { .. } => {
            stream.get(node, key).or_else(|| value(stream, stream.get(node, "<<")?, key, searched))
        }
        _ => None,
    }
}
