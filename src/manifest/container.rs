//! The containers of Kubernetes objects.

use super::error::{EditError, Places, Refusal};
use super::file::File;
use super::lookup::Found;
use super::object::{self, is_list};
use super::parser::Kind;
use super::path::{Path, Segment};
use super::splice::Splice;
use super::stream::Stream;
use super::trail::{child, text};
use super::{Edit, Object, image};

/// Lists of containers, in pod templates and in Argo's templates.
const LISTS: &[&str] = &["containers", "initContainers", "ephemeralContainers", "sidecars"];

/// Single containers of an Argo template, which may leave their name to it.
const SINGLES: &[&str] = &["container", "script"];

/// The splices that set the image of the container `name`.
pub(super) fn plan(
    file: &File<'_>,
    object: &Object,
    container: &str,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let stream = &file.stream;
    let root = object::find(stream, object, label)?;
    let mut found = Vec::new();
    walk(stream, &root, None, &mut found);
    let place = stream.place(root.node);
    let hits: Vec<&Container> = found.iter().filter(|c| c.name == container).collect();
    let places =
        |all: &[&Container]| Places::of(all.iter().map(|c| (stream.place(c.found.node), c.name.clone())));
    match hits.as_slice() {
        [hit] => of(file, hit.found.clone(), edit, label),
        [] => {
            let has = places(&found.iter().collect::<Vec<_>>());
            Err(Refusal::NoSuch { what: "container", has }.at(place, label))
        }
        [hit, ..] => Err(Refusal::Several { places: places(&hits) }.at(stream.place(hit.found.node), label)),
    }
}

/// The splices that set the image of one container, which is always one string.
fn of(file: &File<'_>, found: Found, edit: &Edit, label: &str) -> Result<Vec<Splice>, EditError> {
    let path = Path::new(vec![Segment::Key("image".to_owned())]);
    image::plan(file, vec![found], &path, edit, label)
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
