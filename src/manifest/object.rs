//! Kubernetes objects of a file, and the containers in them.

use super::error::{EditError, Place, Places, Refusal};
use super::file::File;
use super::lookup::{self, Found};
use super::parser::Kind;
use super::splice::Splice;
use super::stream::Stream;
use super::{Edit, FileProblem, Object, image};

/// Lists of containers, in pod templates and in Argo's templates.
const LISTS: &[&str] = &["containers", "initContainers", "ephemeralContainers", "sidecars"];

/// Single containers of an Argo template, which may leave their name to it.
const SINGLES: &[&str] = &["container", "script"];

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
pub(super) fn find(file: &File<'_>, object: &Object, label: &str) -> Result<Found, EditError> {
    let stream = &file.stream;
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

/// The splices that set the image of the container `name`.
pub(super) fn container(
    file: &File<'_>,
    object: &Object,
    container: &str,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let stream = &file.stream;
    let root = find(file, object, label)?;
    let mut found = Vec::new();
    walk(stream, &root, None, &mut found);
    let place = stream.place(root.node);
    let hits: Vec<&Container> = found.iter().filter(|c| c.name == container).collect();
    let places =
        |all: &[&Container]| Places::of(all.iter().map(|c| (stream.place(c.found.node), c.name.clone())));
    match hits.as_slice() {
        [hit] => {
            let path = super::Path::new(vec![super::path::Segment::Key("image".to_owned())]);
            image::plan(file, vec![hit.found.clone()], &path, edit, label)
        }
        [] => {
            let has = places(&found.iter().collect::<Vec<_>>());
            Err(Refusal::NoSuch { what: "container", has }.at(place, label))
        }
        [hit, ..] => Err(Refusal::Several { places: places(&hits) }.at(stream.place(hit.found.node), label)),
    }
}

struct Container {
    name: String,
    found: Found,
}

/// Collects the containers below `found`; `owner` is the name of the mapping around it.
fn walk(stream: &Stream, found: &Found, owner: Option<&str>, all: &mut Vec<Container>) {
    let around = [found.around.as_slice(), &[found.node]].concat();
    match stream.kind(found.node) {
        Kind::SequenceStart { .. } => {
            for node in stream.children(found.node) {
                walk(stream, &Found { node, key: None, around: around.clone() }, owner, all);
            }
        }
        Kind::MappingStart { .. } => {
            let owner = text(stream, found.node, "name").or(owner);
            for (key, node) in stream.pairs(found.node) {
                let value = Found { node, key: Some(key), around: around.clone() };
                let key = stream.scalar(key).unwrap_or_default();
                if LISTS.contains(&key) && is_list(stream, node) {
                    let around = [around.as_slice(), &[node]].concat();
                    let items = stream.children(node);
                    let items = items.map(|node| Found { node, key: None, around: around.clone() });
                    all.extend(items.filter_map(|item| named(stream, item, None)));
                } else if SINGLES.contains(&key) && child(stream, node, "image").is_some() {
                    all.extend(named(stream, value.clone(), owner));
                }
                walk(stream, &value, owner, all);
            }
        }
        _ => {}
    }
}

fn named(stream: &Stream, found: Found, owner: Option<&str>) -> Option<Container> {
    let name = text(stream, stream.resolved(found.node), "name").or(owner)?.to_owned();
    Some(Container { name, found })
}

fn mapping(stream: &Stream, node: usize) -> Option<usize> {
    matches!(stream.kind(node), Kind::MappingStart { .. }).then_some(node)
}

fn is_list(stream: &Stream, node: usize) -> bool {
    matches!(stream.kind(node), Kind::SequenceStart { .. })
}

/// The value under `key`, if `node` is a mapping that has it.
pub(super) fn child(stream: &Stream, node: usize, key: &str) -> Option<usize> {
    stream.get(mapping(stream, stream.resolved(node))?, key).map(|value| stream.resolved(value))
}

pub(super) fn text<'a>(stream: &'a Stream, node: usize, key: &str) -> Option<&'a str> {
    stream.scalar(child(stream, node, key)?)
}
