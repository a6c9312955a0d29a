//! Sets the image of a manifest, whatever shape it is written in.

mod name;
mod parts;

use super::error::EditError;
use super::file::File;
use super::lookup::{self, Found, Lookup};
use super::path::{Path, Segment};
use super::reference::Reference;
use super::shape::Keys;
use super::splice::Splice;
use super::{Edit, Target, create, embedded, reach, scalar};
use parts::Parts;

/// The image to set, and the label for error messages.
#[derive(Clone, Copy)]
pub(super) struct ImageRequest<'a> {
    pub(super) edit: &'a Edit,
    pub(super) wanted: &'a Reference<'a>,
    pub(super) label: &'a str,
}

impl ImageRequest<'_> {
    fn bad(&self, reason: String) -> EditError {
        EditError::Value { path: self.label.to_owned(), value: self.edit.value.clone(), reason }
    }

    fn no_name(&self) -> EditError {
        self.bad("it has no name, and neither has the image there".to_owned())
    }
}

/// The splices that set the image at `path` from one of `starts`.
pub(super) fn plan(
    file: &File<'_>,
    starts: Vec<Found>,
    path: &Path,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let wanted = Reference::wanted(edit, label)?;
    let request = ImageRequest { edit, wanted: &wanted, label };
    if let Some((text, inner)) = path.split_text() {
        return embedded::at(file, starts, &text, Target::Image(inner), edit, label);
    }
    if let Some((text, Segment::Pattern(pattern))) = path.split_end(reach::is_pattern) {
        return reach::part(file, starts, &text, pattern, label, |old| wanted.over(old));
    }
    if let Some(Segment::Append) = path.segments().last() {
        return match wanted.name.is_empty() {
            true => Err(request.bad("it has no name, and a new item needs one".to_owned())),
            false => reach::scalar(file, starts, path, &reach::ScalarRequest { edit, label, typed: false }),
        };
    }
    if edit.create && file.stream.events().is_empty() {
        return create::document(file, path, &edit.value, label).map(|splice| vec![splice]);
    }
    match lookup::look(&file.stream, starts, path, label)? {
        Lookup::Found(found) => at(file, found, path, request),
        Lookup::MissingPath(gap) if edit.create && (!wanted.name.is_empty() || gap.merged.is_some()) => {
            let old = gap.merged.and_then(|merged| file.stream.scalar(file.stream.resolved(merged.value)));
            let value =
                wanted.over(old.unwrap_or_default()).map_err(|refusal| refusal.at(gap.place, label))?;
            create::plan(file, &gap, path, create::Value::string(&value), label).map(|splice| vec![splice])
        }
        Lookup::MissingPath(_) if edit.create => {
            Err(request.bad("no image stands there yet, and a new one needs a name".to_owned()))
        }
        Lookup::MissingPath(gap) => Err(gap.error(label)),
    }
}

/// The splices that set the image at `found`: a mapping of parts, a part of one, or one string.
fn at(
    file: &File<'_>,
    found: Found,
    path: &Path,
    request: ImageRequest<'_>,
) -> Result<Vec<Splice>, EditError> {
    let place = file.stream.place(found.node);
    if file.stream.is_mapping(found.node) {
        let selector = match path.segments().last() {
            Some(Segment::Item { field, .. }) => Some(field.as_str()),
            _ => None,
        };
        let keys = Keys::of(&file.stream, found.node);
        let shape = keys.shape().map_err(|refusal| refusal.at(place, request.label))?;
        return Parts { file, found: &found, keys, shape, selector, request }.plan();
    }
    let old = file.stream.scalar(found.node).unwrap_or_default().trim_end_matches('\n');
    let is_whole = Reference::split(old).tag.is_some() || old.contains('@');
    let key = found.key.and_then(|key| file.stream.scalar(key));
    let (Some(key), Some((&mapping, around)), false) = (key, found.around.split_last(), is_whole) else {
        return string(file, &found, request);
    };
    let keys = Keys::of(&file.stream, mapping);
    let Some(shape) = keys.beside(key) else { return string(file, &found, request) };
    let shape = shape.map_err(|refusal| refusal.at(place, request.label))?;
    let parent = Found { node: mapping, key: None, around: around.to_vec() };
    let label = request.label.strip_suffix(key).map_or(request.label, |label| label.trim_end_matches('.'));
    Parts { file, found: &parent, keys, shape, selector: None, request: ImageRequest { label, ..request } }
        .plan()
}

/// The splice that sets the string at `found`, which is the whole image.
pub(super) fn string(
    file: &File<'_>,
    found: &Found,
    request: ImageRequest<'_>,
) -> Result<Vec<Splice>, EditError> {
    let old = file.stream.scalar(found.node).unwrap_or_default().trim_end_matches('\n');
    let place = file.stream.place(found.node);
    let value = request.wanted.over(old).map_err(|refusal| refusal.at(place, request.label))?;
    if file.stream.scalar(found.node).is_some() && value.starts_with([':', '@']) {
        return Err(request.no_name());
    }
    Ok(scalar::set(file, found, &value, request.label, false)?.into_iter().collect())
}
