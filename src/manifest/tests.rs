#![expect(clippy::unwrap_used, reason = "tests")]

mod addresses;
mod argocd;
mod create;
mod edits;
mod hostile;
mod kustomize;
mod messages;
mod objects;
mod paths;
mod proof;
mod props;
mod quoting;
mod refusals;
mod restore;
mod setters;
mod targets;
mod warnings;

use super::{Edit, EditError, Edited, KustomizeField, Target, apply};

pub(super) const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
pub(super) const NEW: &str = "sha256:22222222222222222222222222222222222222222222222222222222222222ab";

pub(super) fn helm(path: &str, value: &str) -> Edit {
    Edit::new(Target::Helm(path.parse().unwrap()), value)
}

pub(super) fn image(image: &str, field: KustomizeField, value: &str) -> Edit {
    Edit::new(Target::Kustomize { image: image.to_owned(), field }, value)
}

/// `TARGET=VALUE`.
pub(super) fn edit(text: &str) -> Edit {
    text.parse().unwrap()
}

/// Parses `TARGET=VALUE` as an edit that adds missing keys.
pub(super) fn create(text: &str) -> Edit {
    Edit { create: true, ..edit(text) }
}

/// Asserts that `edit` changes `before` to `after`, and that a second run changes nothing.
#[track_caller]
pub(super) fn makes(before: &str, edit: &Edit, after: &str) {
    let edited = run(before, edit.clone()).unwrap_or_else(|e| panic!("{edit:?} on {before:?}: {e}"));
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), after, "{} on {before:?}", edit.target);
    let again = run(after, edit.clone()).unwrap_or_else(|e| panic!("{edit:?} again on {after:?}: {e}"));
    assert!(!again.changed, "the second run must be idle");
}

pub(super) fn run(input: &str, edit: Edit) -> Result<Edited, EditError> {
    apply(input.as_bytes(), &[edit])
}

/// Asserts that `edit` replaces the one occurrence of `before` in `input` by `after`, and that a second run changes nothing.
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
