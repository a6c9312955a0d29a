//! The containers of Kubernetes objects.

use super::error::{EditError, NamedPositions, Position, Refusal};
use super::file::File;
use super::lookup::Found;
use super::object;
use super::parser::Kind;
use super::path::{Path, Segment};
use super::reference::Reference;
use super::splice::Splice;
use super::stream::Stream;
use super::trail::{child, text};
use super::{Edit, FileProblem, Object, image};

/// Lists of containers, in pod templates and in Argo's templates.
const LISTS: &[&str] = &["containers", "initContainers", "ephemeralContainers", "sidecars"];

/// Single containers of an Argo template. Without a name of their own they have the template's name.
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
    let places = |all: &[&Container]| {
        NamedPositions::of(all.iter().map(|c| (stream.place(c.found.node), c.name.clone())))
    };
    match hits.as_slice() {
        [hit] => of(file, hit.found.clone(), edit, label),
        [] => {
            let has = places(&found.iter().collect::<Vec<_>>());
            Err(Refusal::NoSuch { what: "container", has }.at(place, label))
        }
        [hit, ..] => Err(Refusal::Several { places: places(&hits) }.at(stream.place(hit.found.node), label)),
    }
}

/// The splices that set the image of every container that runs `image`.
pub(super) fn running(
    file: &File<'_>,
    object: Option<&Object>,
    image: &str,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let stream = &file.stream;
    let roots = match object {
        Some(object) => vec![object::find(stream, object, label)?],
        None => object::all(stream),
    };
    let Some(first) = roots.first() else { return Err(FileProblem::Blank.at(Position::START)) };
    let mut all = Vec::new();
    roots.iter().for_each(|root| walk(stream, root, None, &mut all));
    let name = |container: &Container| {
        let image = text(stream, stream.resolved(container.found.node), "image")?;
        Some(Reference::split(image.trim_end_matches('\n')).name.to_owned())
    };
    let mut splices = Vec::new();
    let mut hits = 0;
    for hit in all.iter().filter(|container| name(container).as_deref() == Some(image)) {
        splices.extend(of(file, hit.found.clone(), edit, label)?);
        hits += 1;
    }
    // The edit may have changed the image name by which the container was found.
    let renamed = Reference::split(&edit.value).name;
    let is_done = |container: &Container| !renamed.is_empty() && name(container).as_deref() == Some(renamed);
    if hits == 0 && !all.iter().any(is_done) {
        let has = all.iter().filter_map(|c| Some((stream.place(c.found.node), name(c)?)));
        let refusal = Refusal::NoSuch { what: "image of a container", has: NamedPositions::of(has) };
        return Err(refusal.at(stream.place(first.node), label));
    }
    Ok(splices)
}

/// The splices that set the image of one container. A container's image is always one string.
fn of(file: &File<'_>, found: Found, edit: &Edit, label: &str) -> Result<Vec<Splice>, EditError> {
    let path = Path::new(vec![Segment::Key("image".to_owned())]);
    image::plan(file, vec![found], &path, edit, label)
}

struct Container {
    name: String,
    found: Found,
}

/// Collects the containers below `found`. `owner` is the name of the mapping around it.
fn walk(stream: &Stream, found: &Found, owner: Option<&str>, all: &mut Vec<Container>) {
    let around = found.chain();
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
                if LISTS.contains(&key) && stream.is_list(node) {
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
