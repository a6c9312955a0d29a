//! Argo CD: Helm parameters and values of Applications, ApplicationSets and `.argocd-source` files.

mod source;

use super::embedded::TextRequest;
use super::error::{EditError, Position, Refusal};
use super::file::File;
use super::lookup::{self, Found, Lookup, MissingPath};
use super::object;
use super::path::{Path, Segment};
use super::splice::Splice;
use super::{Application, Edit, FileProblem, Target, create, embedded, reach, scalar, trail};

use source::Source;

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
    one(file, application, &path, edit, label)
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
    let mut sources = source::all(file, application, label)?;
    let has_values = |source: &Source| with(source, "valuesObject").or(with(source, "values")).is_some();
    if sources.iter().any(has_values) {
        sources.retain(has_values);
    }
    let text = Path::new(vec![key("helm"), key("values")]);
    let objects = Path::new([&[key("helm"), key("valuesObject")], path.segments()].concat());
    let mut hits: Vec<(&Source, Vec<Splice>)> = Vec::new();
    let mut missing = None;
    for source in &sources {
        // Argo CD ignores `values` when there is a `valuesObject` (util/helm, `ValuesYAML`).
        let result = if with(source, "valuesObject").is_some() || with(source, "values").is_none() {
            embedded::scalar(file, vec![source.found.clone()], &objects, edit, label)
        } else {
            let found = lookup::walk(stream, source.found.clone(), &text).map_err(|stop| stop.at(label))?;
            let inner = Target::Helm(path.clone());
            embedded::plan(file, &found, &TextRequest { edit, inner, written: "", label })
        };
        match result {
            Ok(splices) => hits.push((source, splices)),
            Err(error @ EditError::Refused { refusal: Refusal::Missing(_), .. }) => {
                missing = missing.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    match (hits.as_slice(), missing) {
        ([_], _) => Ok(hits.pop().map(|(_, splices)| splices).unwrap_or_default()),
        ([], Some(error)) => Err(error),
        ([], None) => Err(FileProblem::Blank.at(Position::START)),
        _ => Err(source::several(stream, hits.iter().map(|(source, _)| *source), label)),
    }
}

fn key(key: &str) -> Segment {
    Segment::Key(key.to_owned())
}

/// The splices that set the scalar at `path` in the only source that has it.
fn one(
    file: &File<'_>,
    application: Option<&Application>,
    path: &Path,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let stream = &file.stream;
    let sources = source::all(file, application, label)?;
    let (mut hits, mut gaps) = (Vec::new(), Vec::new());
    for source in &sources {
        match lookup::look(stream, vec![source.found.clone()], path, label)? {
            Lookup::Found(found) => hits.push((source, found)),
            Lookup::MissingPath(gap) => gaps.push((source, gap)),
        }
    }
    match hits.as_slice() {
        [(_, found)] => Ok(scalar::set(file, found, &edit.value, label, false)?.into_iter().collect()),
        [] => add(file, gaps, path, edit, label),
        _ => Err(source::several(stream, hits.iter().map(|(source, _)| *source), label)),
    }
}

/// The splice that adds the scalar at `path` to the only source of which most of it exists.
fn add(
    file: &File<'_>,
    mut gaps: Vec<(&Source, Box<MissingPath>)>,
    path: &Path,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let depth = gaps.iter().map(|(_, gap)| gap.depth).max().unwrap_or_default();
    gaps.retain(|(_, gap)| gap.depth == depth);
    match gaps.as_slice() {
        [] => Err(FileProblem::Blank.at(Position::START)),
        [(_, gap), ..] if !edit.create => Err(gap.error(label)),
        [(_, gap)] => {
            let value = create::Value::string(&edit.value);
            create::plan(file, gap, path, value, label).map(|splice| vec![splice])
        }
        several => Err(source::several(&file.stream, several.iter().map(|(source, _)| *source), label)),
    }
}

/// The entries of every `kustomize.images`, which Argo CD writes as strings.
pub(super) fn images(file: &File<'_>) -> Vec<Found> {
    let stream = &file.stream;
    let path = Path::new(vec![key("kustomize"), key("images")]);
    let lists = source::all(file, None, "").unwrap_or_default().into_iter();
    let lists = lists.filter_map(|source| lookup::walk(stream, source.found, &path).ok());
    let lists = lists.filter(|list| stream.is_list(list.node));
    lists
        .flat_map(|list| {
            let around = list.chain();
            stream.children(list.node).map(move |node| Found { node, key: None, around: around.clone() })
        })
        .collect()
}

/// Whether the file is an Application, or an `.argocd-source` file for kustomize.
pub(super) fn has_kustomize(file: &File<'_>) -> bool {
    let stream = &file.stream;
    object::all(stream).iter().any(|object| match trail::text(stream, object.node, "kind") {
        Some(kind) => ["Application", "ApplicationSet"].contains(&kind),
        None => trail::child(stream, object.node, "kustomize").is_some(),
    })
}

/// The splice that adds the edit's value to the `kustomize.images` of the only source that has a `kustomize`, or of the
/// only source.
pub(super) fn add_image(file: &File<'_>, edit: &Edit, label: &str) -> Result<Vec<Splice>, EditError> {
    let stream = &file.stream;
    let mut all = source::all(file, None, label)?;
    let is_kustomize = |source: &Source| trail::child(stream, source.found.node, "kustomize").is_some();
    if all.iter().any(is_kustomize) {
        all.retain(is_kustomize);
    }
    match all.as_slice() {
        [source] => {
            let path = Path::new(vec![key("kustomize"), key("images"), Segment::Append]);
            let request = reach::ScalarRequest { edit, label, typed: false };
            reach::scalar(file, vec![source.found.clone()], &path, &request)
        }
        several => Err(source::several(stream, several.iter(), label)),
    }
}
