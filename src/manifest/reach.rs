//! Sets the scalar at a path, or adds it.

use super::error::EditError;
use super::file::File;
use super::lookup::{self, Found, Lookup};
use super::path::Path;
use super::splice::Splice;
use super::{Edit, create, scalar};

/// The scalar to set.
pub(super) struct ScalarRequest<'a> {
    pub(super) edit: &'a Edit,
    /// The label for error messages.
    pub(super) label: &'a str,
    /// Whether a number stays a number.
    pub(super) typed: bool,
}

/// The splice that sets the scalar at `path` from one of `starts`, or adds it.
pub(super) fn scalar(
    file: &File<'_>,
    starts: Vec<Found>,
    path: &Path,
    request: &ScalarRequest<'_>,
) -> Result<Vec<Splice>, EditError> {
    let ScalarRequest { edit, label, typed } = *request;
    if edit.create && file.stream.events().is_empty() {
        return create::document(file, path, &edit.value, label).map(|splice| vec![splice]);
    }
    match lookup::look(&file.stream, starts, path, label)? {
        Lookup::Found(found) => {
            Ok(scalar::set(file, &found, &edit.value, label, typed)?.into_iter().collect())
        }
        Lookup::MissingPath(gap) if edit.create => {
            create::plan(file, &gap, path, &edit.value, label).map(|splice| vec![splice])
        }
        Lookup::MissingPath(gap) => Err(gap.refusal.at(gap.place, label)),
    }
}
