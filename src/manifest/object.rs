//! Finds the Kubernetes objects of a file.

use super::error::{EditError, NamedPositions, Position, Refusal};
use super::lookup::{self, Found};
use super::stream::Stream;
use super::trail::{child, text};
use super::{FileProblem, Object};

/// The root of every document, and every item of a `List`.
pub(super) fn all(stream: &Stream) -> Vec<Found> {
    let mut objects = Vec::new();
    for root in lookup::roots(stream) {
        let kind = text(stream, root.node, "kind").unwrap_or_default();
        // OpenShift's Template keeps its objects in a list, like `List`.
        let key = if kind == "Template" { "objects" } else { "items" };
        let items = stream.is_mapping(root.node).then(|| stream.get(root.node, key)).flatten();
        let holds = kind.ends_with("List") || kind == "Template";
        match items.filter(|items| holds && stream.is_list(*items)) {
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

/// Finds the one object of the file that `object` names.
pub(super) fn find(stream: &Stream, object: &Object, label: &str) -> Result<Found, EditError> {
    let mut all = all(stream);
    let Some(first) = all.first() else { return Err(FileProblem::Blank.at(Position::START)) };
    let place = stream.place(first.node);
    // A Template has parameters of its own.
    all.extend(
        lookup::roots(stream).into_iter().filter(|root| text(stream, root.node, "kind") == Some("Template")),
    );
    let fits = |found: &&Found| is(stream, found.node, object);
    let hits: Vec<&Found> = all.iter().filter(fits).collect();
    match hits.as_slice() {
        [hit] => Ok((*hit).clone()),
        [] => {
            if let Some(meant) = meant(stream, &all, object) {
                return Err(Refusal::Misspelt { meant }.at(place, label));
            }
            let has = NamedPositions::of(
                all.iter().filter_map(|f| Some((stream.place(f.node), name(stream, f.node)?))),
            );
            Err(Refusal::NoSuch { what: "object", has }.at(place, label))
        }
        [hit, ..] => {
            let first = name(stream, hit.node);
            let twins = hits.iter().all(|hit| name(stream, hit.node) == first);
            let named =
                |node| if twins { versioned(stream, node) } else { name(stream, node).unwrap_or_default() };
            let places = NamedPositions::of(hits.iter().map(|f| (stream.place(f.node), named(f.node))));
            let refusal = match grouped(stream, &hits).filter(|_| twins) {
                Some(example) => Refusal::SeveralNamed { places, example },
                None => Refusal::Several { places },
            };
            Err(refusal.at(stream.place(hit.node), label))
        }
    }
}

/// The correct name of the object, if only the case of its kind was wrong.
fn meant(stream: &Stream, all: &[Found], object: &Object) -> Option<String> {
    all.iter().find_map(|found| {
        let kind = text(stream, found.node, "kind")?;
        let group = object.kind.split_once('.').map(|(_, group)| format!(".{group}")).unwrap_or_default();
        let meant = Object { kind: format!("{kind}{group}"), ..object.clone() };
        let same = object.kind.eq_ignore_ascii_case(&meant.kind)
            || object.kind.eq_ignore_ascii_case(&format!("{}s", meant.kind));
        (same && meant.kind != object.kind && is(stream, found.node, &meant)).then(|| meant.to_string())
    })
}

/// An object's name and its `apiVersion`, which may be the only difference from another object.
fn versioned(stream: &Stream, node: usize) -> String {
    let name = name(stream, node).unwrap_or_default();
    match text(stream, node, "apiVersion") {
        Some(version) => format!("{name} ({version})"),
        None => name,
    }
}

/// The part of `apiVersion` before the slash; none for the core group.
fn group(stream: &Stream, node: usize) -> Option<&str> {
    text(stream, node, "apiVersion")?.split_once('/').map(|(group, _)| group)
}

/// `KIND.GROUP/NAME` of one of several objects that differ by their API group alone.
fn grouped(stream: &Stream, hits: &[&Found]) -> Option<String> {
    let hit = hits.iter().find(|hit| group(stream, hit.node).is_some())?;
    let own = group(stream, hit.node)?;
    let same = hits.iter().filter(|other| group(stream, other.node) == Some(own)).count();
    let kind = text(stream, hit.node, "kind")?;
    let rest = name(stream, hit.node)?.strip_prefix(kind)?.to_owned();
    (same == 1).then(|| format!("{kind}.{own}{rest}"))
}

fn is(stream: &Stream, node: usize, object: &Object) -> bool {
    let meta = child(stream, node, "metadata");
    let meta = |key| meta.and_then(|meta| text(stream, meta, key));
    let (kind, wanted) = object.kind.split_once('.').map_or((&*object.kind, None), |(k, g)| (k, Some(g)));
    text(stream, node, "kind") == Some(kind)
        && wanted.is_none_or(|wanted| group(stream, node) == Some(wanted))
        && (object.name.is_empty() || meta("name").or(meta("generateName")) == Some(&object.name))
        && object.namespace.as_deref().is_none_or(|namespace| meta("namespace") == Some(namespace))
}

/// `KIND/NAME[/NAMESPACE]` of an object.
pub(super) fn name(stream: &Stream, node: usize) -> Option<String> {
    let kind = text(stream, node, "kind")?.to_owned();
    let meta = child(stream, node, "metadata")?;
    let meta = |key| text(stream, meta, key);
    let name = meta("name").or(meta("generateName")).unwrap_or_default().to_owned();
    let namespace = meta("namespace").map(str::to_owned);
    Some(Object { kind, name, namespace }.to_string())
}
