//! Argo CD: Helm parameters and values of Applications, ApplicationSets and `.argocd-source` files.

use super::block::TextRequest;
use super::error::{EditError, NamedPositions, Position, Refusal};
use super::file::File;
use super::lookup::{self, Found, Lookup};
use super::object;
use super::parser::Kind;
use super::path::{Path, Segment};
use super::splice::Splice;
use super::stream::Stream;
use super::{Application, Edit, FileProblem, SourceRef, Target, block, create, reach, scalar, trail};

/// A node that may hold a `helm` mapping.
struct Source {
    found: Found,
    /// The source's name in a list of positions.
    name: String,
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

/// Describes a source: its index in its Application, and the field that distinguishes it from the others.
fn described(stream: &Stream, source: &Source) -> String {
    let fields = ["chart", "ref", "path", "repoURL"];
    let field =
        fields.into_iter().find_map(|field| Some((field, trail::text(stream, source.found.node, field)?)));
    field.map_or(source.name.clone(), |(field, value)| format!("{} [{field}={value}]", source.name))
}

/// The splices that set the Helm parameter `name`.
pub(super) fn parameter(
    file: &File<'_>,
    application: Option<&Application>,
    name: &str,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    scalar::check_value(label, &edit.value)?;
    let item = Segment::Item { field: "name".to_owned(), value: name.to_owned() };
    let path = Path::new(vec![key("helm"), key("parameters"), item, key("value")]);
    if application.is_none() && file.stream.events().is_empty() {
        let request = reach::ScalarRequest { edit, label, typed: false };
        return reach::scalar(file, Vec::new(), &path, &request);
    }
    one(file, application, &[path], edit, label)
}

/// The splices that set the Helm value at `path`.
pub(super) fn values(
    file: &File<'_>,
    application: Option<&Application>,
    path: &Path,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    scalar::check_value(label, &edit.value)?;
    let stream = &file.stream;
    let with = |source: &Source, name| {
        let helm = trail::child(stream, source.found.node, "helm")?;
        trail::child(stream, helm, name)
    };
    let mut sources = sources(file, application, label)?;
    let has_values = |source: &Source| with(source, "valuesObject").or(with(source, "values")).is_some();
    if sources.iter().any(has_values) {
        sources.retain(has_values);
    }
    let places = |all: &[&Source]| {
        NamedPositions::of(all.iter().map(|s| (stream.place(s.found.node), s.name.clone())))
    };
    let text = Path::new(vec![key("helm"), key("values")]);
    let objects = Path::new([&[key("helm"), key("valuesObject")], path.segments()].concat());
    let mut hits: Vec<(&Source, Vec<Splice>)> = Vec::new();
    let mut missing = None;
    for source in &sources {
        // Argo CD ignores `values` when there is a `valuesObject` (util/helm, `ValuesYAML`).
        let result = if with(source, "valuesObject").is_some() || with(source, "values").is_none() {
            block::scalar(file, vec![source.found.clone()], &objects, edit, label)
        } else {
            let found = lookup::walk(stream, source.found.clone(), &text).map_err(|stop| stop.at(label))?;
            let inner = Target::Helm(path.clone());
            block::plan(file, &found, &TextRequest { edit, inner, written: "", label })
        };
        match result {
            Ok(splices) => hits.push((source, splices)),
            Err(error @ EditError::Refused { refusal: Refusal::Missing(_), .. }) => {
                missing = missing.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    let all: Vec<&Source> = hits.iter().map(|(source, _)| *source).collect();
    match (all.as_slice(), missing) {
        ([_], _) => Ok(hits.pop().map(|(_, splices)| splices).unwrap_or_default()),
        ([first, ..], _) => {
            Err(Refusal::Several { places: places(&all) }.at(stream.place(first.found.node), label))
        }
        ([], Some(error)) => Err(error),
        ([], None) => Err(FileProblem::Empty.at(Position::START)),
    }
}

fn key(key: &str) -> Segment {
    Segment::Key(key.to_owned())
}

/// The splices that set the scalar that a source has at one of `paths`; only one of them may exist.
fn one(
    file: &File<'_>,
    application: Option<&Application>,
    paths: &[Path],
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let stream = &file.stream;
    let sources = sources(file, application, label)?;
    let mut hits = Vec::new();
    let mut gaps = Vec::new();
    for source in &sources {
        for path in paths {
            match lookup::look(stream, vec![source.found.clone()], path, label)? {
                Lookup::Found(found) => hits.push((source, found)),
                Lookup::MissingPath(gap) => gaps.push((source, gap)),
            }
        }
    }
    let places = |all: Vec<&Source>| {
        NamedPositions::of(all.iter().map(|s| (stream.place(s.found.node), s.name.clone())))
    };
    match hits.as_slice() {
        [(_, found)] => Ok(scalar::set(file, found, &edit.value, label, false)?.into_iter().collect()),
        [(first, _), ..] => {
            let all = places(hits.iter().map(|(source, _)| *source).collect());
            Err(Refusal::Several { places: all }.at(stream.place(first.found.node), label))
        }
        [] => {
            let depth = gaps.iter().map(|(_, gap)| gap.depth).max().unwrap_or_default();
            gaps.retain(|(_, gap)| gap.depth == depth);
            match gaps.as_slice() {
                [(_, gap)] if edit.create => {
                    let path = paths.first().ok_or_else(|| FileProblem::Empty.at(Position::START))?;
                    create::plan(file, gap, path, create::Value::string(&edit.value), label)
                        .map(|splice| vec![splice])
                }
                [(first, _), _, ..] if edit.create => {
                    let all = places(gaps.iter().map(|(source, _)| *source).collect());
                    Err(Refusal::Several { places: all }.at(stream.place(first.found.node), label))
                }
                [(_, gap), ..] => Err(gap.refusal.clone().at(gap.place, label)),
                [] => Err(FileProblem::Empty.at(Position::START)),
            }
        }
    }
}

/// Every source of the matching Applications, or the root of an `.argocd-source` file.
fn sources(
    file: &File<'_>,
    application: Option<&Application>,
    label: &str,
) -> Result<Vec<Source>, EditError> {
    let stream = &file.stream;
    let all = object::all(stream);
    let Some(first) = all.first() else { return Err(FileProblem::Blank.at(Position::START)) };
    let mut sources = Vec::new();
    let wanted_name = application.and_then(|application| application.name.as_deref());
    for found in &all {
        let kind = trail::text(stream, found.node, "kind");
        let meta = trail::child(stream, found.node, "metadata");
        let name = meta.and_then(|meta| trail::text(stream, meta, "name"));
        let path: &[&str] = match kind {
            Some("Application") => &["spec"],
            Some("ApplicationSet") => &["spec", "template", "spec"],
            None if wanted_name.is_none() => {
                sources.push(Source { found: found.clone(), name: "the top level".to_owned(), number: 0 });
                continue;
            }
            _ => continue,
        };
        if wanted_name.is_some_and(|wanted| name != Some(wanted)) {
            continue;
        }
        let path = Path::new(path.iter().map(|step| key(step)).collect());
        if let Ok(spec) = lookup::walk(stream, found.clone(), &path) {
            let name = object::name(stream, found.node).unwrap_or_default();
            of_spec(stream, &spec, &name, &mut sources);
        }
    }
    if let (Some(wanted), false) =
        (application.and_then(|application| application.source.as_ref()), sources.is_empty())
    {
        let place = |source: &Source| stream.place(source.found.node);
        let has = NamedPositions::of(sources.iter().map(|source| (place(source), described(stream, source))));
        sources.retain(|source| is_wanted(stream, source, wanted));
        if sources.is_empty() {
            return Err(Refusal::NoSuch { what: "source", has }.at(stream.place(first.node), label));
        }
    }
    if sources.is_empty() {
        let has = all.iter().filter_map(|f| Some((stream.place(f.node), object::name(stream, f.node)?)));
        let refusal = Refusal::NoSuch { what: "Application with a source", has: NamedPositions::of(has) };
        return Err(refusal.at(stream.place(first.node), label));
    }
    Ok(sources)
}

/// The entries of every `kustomize.images`, which Argo CD writes as strings.
pub(super) fn images(file: &File<'_>) -> Vec<Found> {
    let stream = &file.stream;
    let path = Path::new(vec![key("kustomize"), key("images")]);
    let lists = sources(file, None, "").unwrap_or_default().into_iter();
    let lists = lists.filter_map(|source| lookup::walk(stream, source.found, &path).ok());
    let lists = lists.filter(|list| object::is_list(stream, list.node));
    lists
        .flat_map(|list| {
            let around = [list.around.as_slice(), &[list.node]].concat();
            stream.children(list.node).map(move |node| Found { node, key: None, around: around.clone() })
        })
        .collect()
}

/// Collects `source`, and the items of `sources`.
fn of_spec(stream: &Stream, spec: &Found, name: &str, sources: &mut Vec<Source>) {
    let mut push =
        |found, path: &str, number| sources.push(Source { found, name: format!("{name} {path}"), number });
    if let Ok(found) = lookup::walk(stream, spec.clone(), &Path::new(vec![key("source")])) {
        push(found, "source", 0);
    }
    let Ok(list) = lookup::walk(stream, spec.clone(), &Path::new(vec![key("sources")])) else { return };
    if matches!(stream.kind(list.node), Kind::SequenceStart { .. }) {
        let around = [list.around.as_slice(), &[list.node]].concat();
        for (at, node) in stream.children(list.node).enumerate() {
            push(Found { node, key: None, around: around.clone() }, &format!("sources[{at}]"), at);
        }
    }
}
