//! Fields of a kustomization's `images[]`: setting one, and adding one beside its neighbours.

use super::error::{EditError, Refusal};
use super::file::File;
use super::lookup::{self, Found, Looked, Stop};
use super::parser::Kind;
use super::path::{Path, Segment};
use super::splice::Splice;
use super::stream::Stream;
use super::{Edit, KustomizeField, Target, create, reach, reference, scalar};

/// The splice that sets `field` of the entry named `name`.
pub(super) fn plan(
    file: &File<'_>,
    name: &str,
    field: KustomizeField,
    edit: &Edit,
    all: &[Edit],
) -> Result<Vec<Splice>, EditError> {
    let item = Segment::Item { field: "name".to_owned(), value: name.to_owned() };
    let mut segments = vec![Segment::Key("images".to_owned()), item];
    let entry = Path::new(segments.clone());
    segments.push(Segment::Key(field.key().to_owned()));
    let path = Path::new(segments);
    let label = path.to_string();
    check_value(&label, field, &edit.value)?;

    let found = match lookup::only(&file.stream, &entry) {
        Ok(found) => found,
        Err(_) if edit.create => {
            let wish = reach::Wish { edit, label: &label, typed: false };
            return reach::scalar(file, lookup::roots(&file.stream), &path, &wish);
        }
        Err(error) => return Err(error),
    };
    if field == KustomizeField::NewTag && !sets_digest(all, name) {
        not_pinned(&file.stream, &found).map_err(|stop| stop.at(&label))?;
    }
    let looked = lookup::look(&file.stream, lookup::roots(&file.stream), &path, &label)?;
    Ok(match looked {
        Looked::Found(found) => scalar::set(file, &found, &edit.value, &label, false)?.into_iter().collect(),
        Looked::Gap(gap) => vec![create::plan(file, &gap, &path, &edit.value, &label)?],
    })
}

fn check_value(path: &str, field: KustomizeField, value: &str) -> Result<(), EditError> {
    let refuse = |reason: &str| {
        Err(EditError::Value { path: path.to_string(), value: value.to_owned(), reason: reason.to_owned() })
    };
    if value.is_empty() {
        return refuse("it is empty, which kustomize takes for a field that is not set");
    }
    if field == KustomizeField::Digest && !reference::is_digest(value) {
        return refuse("a digest is `sha256:` and 64 lower-case hexadecimal digits");
    }
    scalar::check_value(path, value)
}

fn sets_digest(all: &[Edit], name: &str) -> bool {
    let digest = Target::Kustomize { image: name.to_owned(), field: KustomizeField::Digest };
    all.iter().any(|edit| edit.target == digest)
}

fn not_pinned(stream: &Stream, entry: &Found) -> Result<(), Stop> {
    if !matches!(stream.kind(entry.node), Kind::MappingStart { .. }) {
        return Ok(());
    }
    let Some(digest) = stream.get(entry.node, KustomizeField::Digest.key()) else { return Ok(()) };
    match stream.scalar(stream.resolved(digest)) {
        Some("" | "~" | "null") => Ok(()),
        _ => Err(Stop::Refused(stream.place(digest), Refusal::PinnedByDigest)),
    }
}
