//! To the scalar at a path, or to the place where it is added.

use super::error::EditError;
use super::file::File;
use super::lookup::{self, Found, Looked};
use super::path::Path;
use super::splice::Splice;
use super::{Edit, create, scalar};

/// What is wanted of a scalar.
pub(super) struct Wish<'a> {
    pub(super) edit: &'a Edit,
    /// What a refusal calls it.
    pub(super) label: &'a str,
    /// Whether a number stays a number.
    pub(super) typed: bool,
}

/// The splice that sets the scalar at `path` from one of `starts`, or adds it.
pub(super) fn scalar(
    file: &File<'_>,
    starts: Vec<Found>,
    path: &Path,
    wish: &Wish<'_>,
) -> Result<Vec<Splice>, EditError> {
    let Wish { edit, label, typed } = *wish;
    if edit.create && file.stream.events().is_empty() {
        return create::document(file, path, &edit.value, label).map(|splice| vec![splice]);
    }
    match lookup::look(&file.stream, starts, path, label)? {
        Looked::Found(found) => {
            Ok(scalar::set(file, &found, &edit.value, label, typed)?.into_iter().collect())
        }
        Looked::Gap(gap) if edit.create => {
            create::plan(file, &gap, path, &edit.value, label).map(|splice| vec![splice])
        }
        Looked::Gap(gap) => Err(gap.refusal.at(gap.place, label)),
    }
}
