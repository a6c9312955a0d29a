//! Sets the scalar at a path, or adds it.

use super::error::{EditError, Refusal};
use super::file::File;
use super::lookup::{self, Found, Lookup};
use super::path::{Path, Segment};
use super::splice::{Expect, Splice};
use super::{Edit, append, create, pattern, scalar};

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
    if let Some((list, _)) = path.split_end(|end| *end == Segment::Append) {
        return append::item(file, starts, &list, path, edit, label);
    }
    if let Some((text, Segment::Pattern(pattern))) = path.split_end(is_pattern) {
        return part(file, starts, &text, pattern, label, |_| Ok(edit.value.clone()));
    }
    if edit.create && file.stream.events().is_empty() {
        return create::document(file, path, &edit.value, label).map(|splice| vec![splice]);
    }
    match lookup::look(&file.stream, starts, path, label)? {
        Lookup::Found(found) => {
            Ok(scalar::set(file, &found, &edit.value, label, typed)?.into_iter().collect())
        }
        Lookup::MissingPath(gap) if edit.create => {
            create::plan(file, &gap, path, create::Value { text: &edit.value, typed }, label)
                .map(|splice| vec![splice])
        }
        Lookup::MissingPath(gap) => Err(gap.error(label)),
    }
}

pub(super) fn is_pattern(end: &Segment) -> bool {
    matches!(end, Segment::Pattern(_))
}

/// The splice that sets the part of the text at `path` that the group of `pattern` matches, to what `new` makes of it.
pub(super) fn part(
    file: &File<'_>,
    starts: Vec<Found>,
    path: &Path,
    pattern: &str,
    label: &str,
    new: impl Fn(&str) -> Result<String, Refusal>,
) -> Result<Vec<Splice>, EditError> {
    let found = lookup::one(&file.stream, starts, path, label)?;
    let Some(text) = file.stream.scalar(found.node) else {
        // Refuses a collection or an alias by its name.
        return Ok(scalar::set(file, &found, "", label, false)?.into_iter().collect());
    };
    let replaced = pattern::replace(pattern, text.trim_end_matches('\n'), new);
    let refuse = |refusal: Refusal| refusal.at(file.stream.place(found.node), label);
    let replaced = replaced.map_err(refuse)?;
    if replaced.old.contains("{{") {
        return Err(refuse(Refusal::Template));
    }
    let mut splice = scalar::set_part(file, &found, &replaced.text, label)?;
    // A message about the change needs the part alone, not a whole script.
    if let Some(Splice { expect: Expect::Whole { .. }, change, .. }) = &mut splice {
        (change.old, change.new) = (replaced.old, replaced.new);
    }
    Ok(splice.into_iter().collect())
}
