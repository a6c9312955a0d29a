#![expect(clippy::unwrap_used, reason = "tests")]

mod edits;
mod kustomize;
mod paths;
mod proof;
mod props;
mod quoting;
mod refusals;

use super::{Edit, EditError, Edited, KustomizeField, apply};

pub(super) const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
pub(super) const NEW: &str = "sha256:22222222222222222222222222222222222222222222222222222222222222ab";

pub(super) fn helm(path: &str, value: &str) -> Edit {
    Edit::Helm { path: path.parse().unwrap(), value: value.to_owned() }
}

pub(super) fn image(image: &str, field: KustomizeField, value: &str) -> Edit {
    Edit::Kustomize { image: image.to_owned(), field, value: value.to_owned() }
}

pub(super) fn run(input: &str, edit: Edit) -> Result<Edited, EditError> {
    apply(input.as_bytes(), &[edit])
}

/// Asserts that `edit` replaces the one occurrence of `before` in `input` by `after`, and is then idle.
#[track_caller]
pub(super) fn replaces(input: &str, edit: &Edit, before: &str, after: &str) {
    assert_eq!(input.matches(before).count(), 1, "the case must name one place: {before:?}");
    let expected = input.replacen(before, after, 1);
    let edited = run(input, edit.clone()).unwrap_or_else(|e| panic!("{edit:?} on {input:?}: {e}"));
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), expected);
    assert_eq!((edited.changed, edited.changes.len()), (true, 1));
    let again = run(&expected, edit.clone()).unwrap();
    assert_eq!((again.bytes, again.changed), (expected.into_bytes(), false), "the second run must be idle");
}

/// The message with which `edit` is refused.
#[track_caller]
pub(super) fn refusal(input: &str, edit: Edit) -> String {
    let error = run(input, edit).unwrap_err();
    assert_eq!(error.fault(), crate::outcome::Fault::User);
    error.to_string()
}
