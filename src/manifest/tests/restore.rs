//! A change is reverted where its values still are, and nowhere else.

use std::collections::BTreeSet;

use super::helm;
use crate::manifest::{Restore, RestoreError, apply, restore};

const VALUES: &str = "# The API.\nimage:\n  tag: v1  # ours\n  digest: ''\nreplicas: 2\n";

/// `text` with these values.
fn set(text: &str, values: &[(&str, &str)]) -> String {
    let edits: Vec<_> = values.iter().map(|(path, value)| helm(path, value)).collect();
    String::from_utf8(apply(text.as_bytes(), &edits).unwrap().bytes).unwrap()
}

fn restored(old: &str, new: &str, now: &str, only: Option<&[&str]>) -> Result<String, RestoreError> {
    let only = only.map(|only| only.iter().map(|address| (*address).to_owned()).collect::<BTreeSet<_>>());
    let change =
        Restore { old: old.as_bytes(), new: new.as_bytes(), now: now.as_bytes(), only: only.as_ref() };
    restore(&change).map(|bytes| String::from_utf8(bytes).unwrap())
}

fn refused(old: &str, new: &str, now: &str) -> String {
    restored(old, new, now, None).unwrap_err().to_string()
}

#[test]
fn a_file_that_has_not_changed_gets_its_old_bytes() {
    for (old, new) in [
        (VALUES, set(VALUES, &[("image.tag", "v2")]).as_str()),
        ("image: {}\n", "image: {tag: v2}\n"),
        ("", "image:\n  tag: v2\n"),
    ] {
        assert_eq!(restored(old, new, new, None).unwrap(), old);
        assert_eq!(restored(old, new, old, None).unwrap(), old, "it was reverted already");
    }
}

#[test]
fn other_changes_of_the_file_stay() {
    let new = set(VALUES, &[("image.tag", "v2"), ("image.digest", "sha256:2")]);
    let now = format!("{}extra: true # theirs\n", set(&new, &[("replicas", "3")]));
    let want = format!("{}extra: true # theirs\n", set(VALUES, &[("replicas", "3")]));
    assert_eq!(restored(VALUES, &new, &now, None).unwrap(), want);
    // Somebody has reverted one of the values.
    let half = set(&now, &[("image.digest", "")]);
    assert_eq!(restored(VALUES, &new, &half, None).unwrap(), want);
}

#[test]
fn the_parts_of_others_in_one_commit_stay() {
    let old = "a: {tag: v1}\nb: {tag: v1}\n";
    let new = set(old, &[("a.tag", "v2"), ("b.tag", "v2")]);
    assert_eq!(restored(old, &new, &new, Some(&["a.tag"])).unwrap(), "a: {tag: v1}\nb: {tag: v2}\n");
    let later = set(&new, &[("b.tag", "v3")]);
    assert_eq!(restored(old, &new, &later, Some(&["a.tag"])).unwrap(), "a: {tag: v1}\nb: {tag: v3}\n");
    assert_eq!(restored(old, &new, &new, Some(&[])).unwrap(), new);
}

#[test]
fn a_value_is_found_in_its_own_document() {
    let pod = |name: &str, image: &str| {
        format!(
            "kind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: a, image: {image}}}]}}\n"
        )
    };
    let (old, new) = (
        [pod("one", "i:1"), pod("two", "i:1")].join("---\n"),
        [pod("one", "i:1"), pod("two", "i:2")].join("---\n"),
    );
    let now = [pod("zero", "i:2"), pod("two", "i:2"), pod("one", "i:2")].join("---\n");
    let want = [pod("zero", "i:2"), pod("two", "i:1"), pod("one", "i:2")].join("---\n");
    assert_eq!(restored(&old, &new, &now, None).unwrap(), want);
    // Documents without names have numbers, which another document would change.
    let numbered = restored("a: 1\n---\na: 1\n", "a: 1\n---\na: 2\n", "a: 2\n---\na: 1\n---\na: 2\n", None);
    assert_eq!(numbered, Err(RestoreError::Changed("#1:a".to_owned())));
}

#[test]
fn a_newer_value_stays() {
    let new = set(VALUES, &[("image.tag", "v2"), ("image.digest", "sha256:2")]);
    let newer = set(&new, &[("image.tag", "v3")]);
    assert_eq!(refused(VALUES, &new, &newer), "a newer commit has set `image.tag`; look at that commit");
    let gone = "replicas: 2\n";
    assert!(refused(VALUES, &new, gone).starts_with("a newer commit has set `image."));
    let quoted = new.replace("v2", "'v2'");
    assert_eq!(refused(VALUES, &new, &quoted), "a newer commit has set `image.tag`; look at that commit");
}

#[test]
fn what_cannot_be_taken_back_is_said() {
    let added = refused("a: 1\n", "a: 1\nb: 2\n", "a: 1\nb: 2\nc: 3\n");
    assert_eq!(
        added,
        "the commit has added fields to the file, and a newer commit has changed the file; remove them by hand"
    );
    assert!(refused("a: 1\n", "a: 2\n", "a: {{ x }}\n").contains("the file "));
    // The block of the old file has less indentation than its key has now.
    let now = "d:\n      a: |\n         y\n      b: 1\n";
    let unproven = refused("d:\n  a: |\n    x\n", "d:\n  a: |\n    y\n", now);
    assert_eq!(unproven, "the old values cannot be put into the present file; set them by hand");
}
