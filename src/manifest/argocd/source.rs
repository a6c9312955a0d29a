//! The sources of Applications, ApplicationSets and `.argocd-source` files.

use crate::manifest::error::{EditError, NamedPositions, Position, Refusal};
use crate::manifest::file::File;
use crate::manifest::lookup::{self, Found};
use crate::manifest::path::{Path, Segment};
use crate::manifest::stream::Stream;
use crate::manifest::{Application, FileProblem, SourceRef, object, trail};

/// A node that may hold a `helm` mapping.
pub(super) struct Source {
    pub(super) found: Found,
    /// The source's name in a list of positions.
    name: String,
    /// Its Application's name.
    application: String,
    /// The source's index among the sources of its Application.
    number: usize,
}

/// Whether `source` is the source that the target names.
fn is_wanted(stream: &Stream, source: &Source, wanted: &SourceRef) -> bool {
    match wanted {
        SourceRef::Index(index) => source.number == *index,
        SourceRef::Field { field, value } => trail::text(stream, source.found.node, field) == Some(value),
    }
}

/// The field of a source that tells it from others, with its value.
fn telling<'a>(stream: &'a Stream, source: &Source) -> Option<(&'static str, &'a str)> {
    let fields = ["chart", "ref", "path", "repoURL"];
    fields.into_iter().find_map(|field| Some((field, trail::text(stream, source.found.node, field)?)))
}

/// The error that several sources fit, with a name for the first of them.
pub(super) fn several<'a>(
    stream: &Stream,
    sources: impl Iterator<Item = &'a Source>,
    label: &str,
) -> EditError {
    let sources: Vec<&Source> = sources.collect();
    let place = |source: &Source| stream.place(source.found.node);
    let places = NamedPositions::of(sources.iter().map(|source| (place(source), source.name.clone())));
    let at = sources.first().map_or(Position::START, |source| place(source));
    let Some((source, (field, value))) =
        sources.first().and_then(|source| Some((source, telling(stream, source)?)))
    else {
        return Refusal::Several { places }.at(at, label);
    };
    let own = (&source.application, Some((field, value)));
    let like = sources.iter().filter(|other| (&other.application, telling(stream, other)) == own).count();
    let field = match like {
        1 => SourceRef::Field { field: field.to_owned(), value: value.to_owned() },
        _ => SourceRef::Index(source.number),
    };
    let name = Some(source.application.clone()).filter(|name| !name.is_empty());
    let example = Application { name, source: Some(field) }.to_string();
    Refusal::SeveralNamed { places, example }.at(at, label)
}

/// Describes a source: its index in its Application, and the field that distinguishes it from the others.
fn described(stream: &Stream, source: &Source) -> String {
    telling(stream, source)
        .map_or(source.name.clone(), |(field, value)| format!("{} [{field}={value}]", source.name))
}

/// Every source that `application` names, or the root of an `.argocd-source` file.
pub(super) fn all(
    file: &File<'_>,
    application: Option<&Application>,
    label: &str,
) -> Result<Vec<Source>, EditError> {
    let stream = &file.stream;
    let objects = object::all(stream);
    let Some(first) = objects.first() else { return Err(FileProblem::Blank.at(Position::START)) };
    let name = application.and_then(|application| application.name.as_deref());
    let mut sources: Vec<Source> =
        objects.iter().flat_map(|object| of_object(stream, object, name)).collect();
    let place = |found: &Found| stream.place(found.node);
    let missing = |what, has| Err(Refusal::NoSuch { what, has }.at(place(first), label));
    if sources.is_empty() {
        let has = objects.iter().filter_map(|found| Some((place(found), object::name(stream, found.node)?)));
        return missing("Application with a source", NamedPositions::of(has));
    }
    let Some(wanted) = application.and_then(|application| application.source.as_ref()) else {
        return Ok(sources);
    };
    let has = sources.iter().map(|source| (place(&source.found), described(stream, source)));
    let has = NamedPositions::of(has);
    sources.retain(|source| is_wanted(stream, source, wanted));
    if sources.is_empty() { missing("source", has) } else { Ok(sources) }
}

/// The sources of one object, if its name is `wanted`.
fn of_object(stream: &Stream, found: &Found, wanted: Option<&str>) -> Vec<Source> {
    let name =
        trail::child(stream, found.node, "metadata").and_then(|meta| trail::text(stream, meta, "name"));
    let mut sources = Vec::new();
    let path: &[&str] = match trail::text(stream, found.node, "kind") {
        Some("Application") => &["spec"],
        Some("ApplicationSet") => &["spec", "template", "spec"],
        None if wanted.is_none() => {
            let (name, application) = ("the top level".to_owned(), String::new());
            return vec![Source { found: found.clone(), name, application, number: 0 }];
        }
        _ => return sources,
    };
    if wanted.is_none_or(|wanted| name == Some(wanted)) {
        let path = Path::new(path.iter().map(|step| key(step)).collect());
        if let Ok(spec) = lookup::walk(stream, found.clone(), &path) {
            let full = object::name(stream, found.node).unwrap_or_default();
            of_spec(stream, &spec, &full, name.unwrap_or_default(), &mut sources);
        }
    }
    sources
}

/// Collects `source`, and the items of `sources`.
fn of_spec(stream: &Stream, spec: &Found, name: &str, application: &str, sources: &mut Vec<Source>) {
    let mut push = |found, path: &str, number| {
        let (name, application) = (format!("{name} {path}"), application.to_owned());
        sources.push(Source { found, name, application, number });
    };
    if let Ok(found) = lookup::walk(stream, spec.clone(), &Path::new(vec![key("source")])) {
        push(found, "source", 0);
    }
    let Ok(list) = lookup::walk(stream, spec.clone(), &Path::new(vec![key("sources")])) else { return };
    if stream.is_list(list.node) {
        let around = [list.around.as_slice(), &[list.node]].concat();
        for (at, node) in stream.children(list.node).enumerate() {
            push(Found { node, key: None, around: around.clone() }, &format!("sources[{at}]"), at);
        }
    }
}

fn key(key: &str) -> Segment {
    Segment::Key(key.to_owned())
}
