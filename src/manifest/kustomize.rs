//! Fields of a kustomization's `images[]`, and of the `kustomize.images` of Argo CD.

mod argo;
mod dead;

use super::error::{EditError, Hint, Refusal};
use super::file::File;
use super::lookup::{self, Found, Lookup};
use super::path::{Path, Segment};
use super::quote::is_null;
use super::reference::{self, Version};
use super::splice::Splice;
use super::stream::Stream;
use super::trail::text;
use super::{Edit, KustomizeField, Target, create, reach, scalar};

/// All edits of one entry, which are set together.
struct Entry<'a> {
    name: &'a str,
    all: &'a [Edit],
}

impl<'a> Entry<'a> {
    /// The value that an edit gives to `field`, if one does.
    fn value(&self, field: KustomizeField) -> Option<&'a str> {
        let target = Target::Kustomize { image: self.name.to_owned(), field };
        self.all.iter().find(|edit| edit.target == target).map(|edit| edit.value.as_str())
    }

    /// Tag and digest, from any of the edits: a `newTag` may hold both.
    fn version(&self) -> Version<'a> {
        let tag = self.value(KustomizeField::NewTag).map(Version::in_tag);
        Version {
            tag: tag.and_then(|version| version.tag),
            digest: self.value(KustomizeField::Digest).or(tag.and_then(|version| version.digest)),
        }
    }
}

/// The splice that sets `field` of the entry named `name`.
pub(super) fn plan(
    file: &File<'_>,
    name: &str,
    field: KustomizeField,
    edit: &Edit,
    all: &[Edit],
) -> Result<Vec<Splice>, EditError> {
    if let (KustomizeField::NewTag, Some(tag)) = (field, edit.value.strip_suffix('@')) {
        return unpin(file, name, tag, edit);
    }
    let item = Segment::Item { field: "name".to_owned(), value: name.to_owned() };
    let segments = vec![Segment::Key("images".to_owned()), item];
    let path = Path::new([segments.as_slice(), &[Segment::Key(field.key().to_owned())]].concat());
    let label = path.to_string();
    check_value(&label, field, &edit.value)?;
    let all = if all.contains(edit) { all } else { std::slice::from_ref(edit) };
    let entry = Entry { name, all };

    let found = match lookup::only(&file.stream, &Path::new(segments)) {
        Ok(found) => found,
        Err(error) => {
            if let Some(planned) = argo::plan(file, &entry, edit, &edit.target.to_string()) {
                return planned;
            }
            if !matches!(error, EditError::Refused { refusal: Refusal::Missing(_), .. }) {
                return Err(error);
            }
            dead::check_file(file, &label)?;
            if !edit.create {
                let error = lookup::only(&file.stream, &path).map(|_| error);
                return Err(named(file, name, field, error.unwrap_or_else(|whole| whole)));
            }
            dead::check_name(file, name, &label)?;
            let request = reach::ScalarRequest { edit, label: &label, typed: false };
            return reach::scalar(file, lookup::roots(&file.stream), &path, &request);
        }
    };
    set(file, &found, field, edit, &entry, &path)
}

/// The splices that set the `newTag` of an entry and remove its digest.
fn unpin(file: &File<'_>, name: &str, tag: &str, edit: &Edit) -> Result<Vec<Splice>, EditError> {
    let of = |field, value: &str| Edit {
        target: Target::Kustomize { image: name.to_owned(), field },
        value: value.to_owned(),
        ..edit.clone()
    };
    let both = [of(KustomizeField::NewTag, tag), of(KustomizeField::Digest, "")];
    let mut splices = plan(file, name, KustomizeField::NewTag, &both[0], &both)?;
    let digest = plan(file, name, KustomizeField::Digest, &both[1], &both)?;
    splices.extend(
        digest
            .into_iter()
            .filter(|splice| !splices.iter().any(|other| other.writes_same_as(splice)))
            .collect::<Vec<_>>(),
    );
    Ok(splices)
}

/// The splice that sets `field` of the entry at `found`.
fn set(
    file: &File<'_>,
    found: &Found,
    field: KustomizeField,
    edit: &Edit,
    entry: &Entry<'_>,
    path: &Path,
) -> Result<Vec<Splice>, EditError> {
    let stream = &file.stream;
    let label = path.to_string();
    let (value, field) = written(stream, found, field, edit, entry, &label)?;
    let segments = [&path.segments()[..2], &[Segment::Key(field.key().to_owned())]].concat();
    let path = Path::new(segments);
    match lookup::look(stream, lookup::roots(stream), &path, &label)? {
        Lookup::Found(found) => Ok(scalar::set(file, &found, &value, &label, false)?.into_iter().collect()),
        // There is nothing to remove.
        Lookup::MissingPath(_) if value.is_empty() => Ok(Vec::new()),
        Lookup::MissingPath(gap) => {
            Ok(vec![create::plan(file, &gap, &path, create::Value::string(&value), &label)?])
        }
    }
}

/// The value to write, and the field to write it to: a digest inside a tag stays there.
fn written(
    stream: &Stream,
    found: &Found,
    field: KustomizeField,
    edit: &Edit,
    entry: &Entry<'_>,
    label: &str,
) -> Result<(String, KustomizeField), EditError> {
    let value = |key| text(stream, found.node, key).filter(|value| !is_null(value));
    let (tag, digest, new) = (value("newTag"), value("digest"), entry.version());
    let refuse = |refusal: Refusal| {
        let at = stream.get(found.node, "digest").or_else(|| stream.get(found.node, "newTag"));
        refusal.at(stream.place(at.unwrap_or(found.node)), label)
    };
    let in_tag = tag.map(Version::in_tag).filter(|version| version.digest.is_some());
    match (field, in_tag) {
        (KustomizeField::NewName, _) | (KustomizeField::Digest, None) => {}
        // Two digests are not a valid reference.
        (_, Some(old)) => {
            let value = new.over(old).map_err(refuse)?.as_tag();
            return Ok((value, KustomizeField::NewTag));
        }
        (KustomizeField::NewTag, None) if !edit.value.contains('@') => {
            new.over(Version { tag, digest }).map_err(refuse)?;
        }
        (KustomizeField::NewTag, None) => {
            if digest.is_some() || entry.value(KustomizeField::Digest).is_some() {
                let field = format!("kustomize:{}:digest", entry.name);
                let reason = format!("the entry's digest stands in its `digest`; set it with `{field}`");
                return Err(EditError::Value { path: label.to_owned(), value: edit.value.clone(), reason });
            }
        }
    }
    Ok((edit.value.clone(), field))
}

fn check_value(path: &str, field: KustomizeField, value: &str) -> Result<(), EditError> {
    scalar::check_value(path, value)?;
    let fault = match field {
        // kustomize treats an empty digest as not set.
        KustomizeField::Digest => Version { tag: None, digest: Some(value) }.fault(),
        _ if value.is_empty() => {
            Some("it is empty, which kustomize takes for a field that is not set; give a value")
        }
        KustomizeField::NewTag => {
            let (tag, digest) =
                value.split_once('@').map_or((value, None), |(tag, digest)| (tag, Some(digest)));
            Version { tag: Some(tag), digest }.fault()
        }
        KustomizeField::NewName => Some(reference::BAD_NAME).filter(|_| !reference::is_name(value)),
    };
    match fault {
        None => Ok(()),
        Some(reason) => Err(EditError::Value {
            path: path.to_owned(),
            value: value.to_owned(),
            reason: reason.to_owned(),
        }),
    }
}

/// Adds the `newName`s of existing entries to the refusal of a missing entry, since the user may have meant one of them.
fn named(file: &File<'_>, name: &str, field: KustomizeField, error: EditError) -> EditError {
    let EditError::Refused { path, place, refusal: Refusal::Missing(mut missing) } = error else {
        return error;
    };
    let entries = dead::entries(&file.stream);
    let renamed: Vec<String> =
        entries.iter().filter_map(|entry| entry.new_name.map(|name| format!("`{name}`"))).collect();
    if !renamed.is_empty() && missing.nearest == "`images`" {
        missing.has = format!("{}, renamed with `newName` to {}", missing.has, renamed.join(", "));
    }
    if let Some(meant) = entries.iter().find(|entry| entry.new_name == Some(name)) {
        missing.hint = Hint::Write(Target::Kustomize { image: meant.name.to_owned(), field }.to_string());
    }
    EditError::Refused { path, place, refusal: Refusal::Missing(missing) }
}
