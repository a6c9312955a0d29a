//! Adds an item to a list, unless the list has it.

use super::error::{EditError, Refusal};
use super::file::File;
use super::lookup::{self, Found, Lookup, MissingPath};
use super::parser::{Kind, Style};
use super::path::Path;
use super::quote::is_null;
use super::splice::Splice;
use super::{Edit, create};

/// The splice that adds the edit's value to the list at `list`. `path` is the whole path, which ends in `[+]`.
pub(super) fn item(
    file: &File<'_>,
    starts: Vec<Found>,
    list: &Path,
    path: &Path,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let stream = &file.stream;
    if edit.create && stream.events().is_empty() {
        return create::document(file, path, &edit.value, label).map(|splice| vec![splice]);
    }
    let found = match lookup::look(stream, starts, list, label)? {
        Lookup::Found(found) => found,
        Lookup::MissingPath(gap) if edit.create => {
            let value = create::Value::string(&edit.value);
            return create::plan(file, &gap, path, value, label).map(|splice| vec![splice]);
        }
        Lookup::MissingPath(gap) => return Err(gap.error(label)),
    };
    let place = stream.place(found.node);
    let items = match stream.kind(found.node) {
        Kind::SequenceStart { .. } => stream.children(found.node).map(|item| stream.resolved(item)).collect(),
        Kind::Scalar { value, style: Style::Plain, .. } if is_null(value) => Vec::new(),
        _ => return Err(Refusal::NoList.at(place, label)),
    };
    if items.iter().any(|item| stream.scalar(*item).is_none()) {
        return Err(Refusal::OtherItems.at(place, label));
    }
    if let Some(item) = items.iter().find(|item| stream.scalar(**item) == Some(&edit.value)) {
        file.addresses.node(stream, &Found { node: *item, key: None, around: found.chain() });
        return Ok(Vec::new());
    }
    let typed = !items.is_empty() && items.iter().all(|item| create::is_like(stream, *item, &edit.value));
    let depth = list.segments().len();
    let gap =
        MissingPath { nearest: found, depth, place, refusal: Refusal::NoList, merged: None, tied: false };
    create::plan(file, &gap, path, create::Value { text: &edit.value, typed }, label)
        .map(|splice| vec![splice])
}
