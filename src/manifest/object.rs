//! Kubernetes objects of a file.

use super::error::{EditError, Place, Places, Refusal};
use super::lookup::{self, Found};
use super::parser::Kind;
use super::stream::Stream;
use super::trail::{child, text};
use super::{FileProblem, Object};

/// The root of every document, and every item of a `List`.
pub(super) fn all(stream: &Stream) -> Vec<Found> {
    let mut objects = Vec::new();
    for root in lookup::roots(stream) {
        let kind = text(stream, root.node, "kind").unwrap_or_default();
        let items = mapping(stream, root.node).and_then(|node| stream.get(node, "items"));
        match items.filter(|items| kind.ends_with("List") && is_list(stream, *items)) {
            None => objects.push(root),
            Some(items) => objects.extend(stream.children(items).map(|node| Found {
                node,
                key: None,
                around: vec![root.node, items],
            })),
        }
    }
    objects
}

/// The one object of the file that `object` names.
pub(super) fn find(stream: &Stream, object: &Object, label: &str) -> Result<Found, EditError> {
    let all = all(stream);
    let Some(first) = all.first() else { return Err(FileProblem::Empty.at(Place::START)) };
    let place = stream.place(first.node);
    let fits = |found: &&Found| is(stream, found.node, object);
    let hits: Vec<&Found> = all.iter().filter(fits).collect();
    match hits.as_slice() {
        [hit] => Ok((*hit).clone()),
        [] => {
            let has =
                Places::of(all.iter().filter_map(|f| Some((stream.place(f.node), name(stream, f.node)?))));
            Err(Refusal::NoSuch { what: "object", has }.at(place, label))
        }
        [hit, ..] => {
            let hits = hits.iter().map(|f| (stream.place(f.node), name(stream, f.node).unwrap_or_default()));
            Err(Refusal::Several { places: Places::of(hits) }.at(stream.place(hit.node), label))
        }
    }
}

fn is(stream: &Stream, node: usize, object: &Object) -> bool {
    let meta = child(stream, node, "metadata");
    let meta = |key| meta.and_then(|meta| text(stream, meta, key));
    text(stream, node, "kind") == Some(&object.kind)
        && meta("name") == Some(&object.name)
        && object.namespace.as_deref().is_none_or(|namespace| meta("namespace") == Some(namespace))
}

/// `KIND/NAME[/NAMESPACE]` of an object.
pub(super) fn name(stream: &Stream, node: usize) -> Option<String> {
    let kind = text(stream, node, "kind")?.to_owned();
    let meta = child(stream, node, "metadata")?;
    let name = text(stream, meta, "name").unwrap_or_default().to_owned();
    let namespace = text(stream, meta, "namespace").map(str::to_owned);
    Some(Object { kind, name, namespace }.to_string())
}

fn mapping(stream: &Stream, node: usize) -> Option<usize> {
    matches!(stream.kind(node), Kind::MappingStart { .. }).then_some(node)
}

pub(super) fn is_list(stream: &Stream, node: usize) -> bool {
    matches!(stream.kind(node), Kind::SequenceStart { .. })
}
