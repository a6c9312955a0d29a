//! Finds the child of a node that one step of a path names.

use std::collections::HashMap;

use super::LookupError;
use crate::manifest::error::Refusal;
use crate::manifest::parser::Kind;
use crate::manifest::path::Segment;
use crate::manifest::stream::Stream;

/// The key of a child, if its parent is a mapping, and the child.
pub(super) type MatchedChild = Option<(Option<usize>, usize)>;

pub(super) fn by_key(stream: &Stream, at: usize, key: &str) -> Result<MatchedChild, LookupError> {
    if !stream.is_mapping(at) {
        return Ok(None);
    }
    let mut hits = stream.pairs(at).filter(|(k, _)| stream.scalar(stream.resolved(*k)) == Some(key));
    let Some((k, value)) = hits.next() else { return Ok(None) };
    if let Some((again, _)) = hits.next() {
        return Err(duplicate(stream, key, k, again));
    }
    if let (Kind::Alias(name), false) = (stream.kind(k), stream.is_shared()) {
        return Err(LookupError::Refused(stream.place(k), Refusal::Alias { name: name.to_string() }));
    }
    Ok(Some((Some(k), value)))
}

pub(super) fn by_field(
    stream: &Stream,
    at: usize,
    field: &str,
    value: &str,
    selector: &Segment,
) -> Result<MatchedChild, LookupError> {
    if !stream.is_list(at) {
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
    stream.is_mapping(item) && stream.pairs(item).any(|(k, v)| is(k, field) && is(v, value))
}

pub(super) fn by_index(stream: &Stream, at: usize, index: usize) -> MatchedChild {
    if stream.is_list(at) { stream.children(at).nth(index).map(|item| (None, item)) } else { None }
}

/// Refuses a mapping that has any key twice.
pub(in crate::manifest) fn no_duplicates(stream: &Stream, mapping: usize) -> Result<(), LookupError> {
    if stream.is_unique(mapping) {
        return Ok(());
    }
    let mut seen = HashMap::new();
    for (key, _) in stream.pairs(mapping) {
        let Some(name) = stream.scalar(stream.resolved(key)) else { continue };
        if let Some(first) = seen.insert(name, key) {
            return Err(duplicate(stream, name, first, key));
        }
    }
    stream.set_unique(mapping);
    Ok(())
}

fn duplicate(stream: &Stream, key: &str, first: usize, again: usize) -> LookupError {
    let refusal = Refusal::DuplicateKey { key: key.to_owned(), first: stream.place(first) };
    LookupError::Refused(stream.place(again), refusal)
}
