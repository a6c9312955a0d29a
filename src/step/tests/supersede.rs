//! `supersede`: its meaning, and the bodies that are refused.

use super::{parsed, refusals, yaml};
use crate::step::{Step, Supersede};

#[test]
fn it_is_on_by_default_and_a_string_switches_it_off() {
    for (fields, enabled, label) in [
        ("{}", true, "argo-buildkit.io/line"),
        ("{enabled: '', label: ''}", true, "argo-buildkit.io/line"),
        ("{enabled: 'false', label: app}", false, "app"),
        ("{enabled: false}", false, "argo-buildkit.io/line"),
    ] {
        let expected = Supersede { enabled, label: label.into() };
        assert_eq!(
            parsed(&format!("supersede: {fields}")).unwrap(),
            Step::Supersede(Box::new(expected)),
            "{fields}"
        );
    }
}

#[test]
fn what_is_no_label_is_refused() {
    let rows = ["supersede: {label: 'a=b,c'}", "supersede: {enabled: queue}", "supersede: {line: x}"];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, yaml), @r#"
    supersede: {label: 'a=b,c'}
        supersede.label: is not the key of a label, such as `argo-buildkit.io/line`
    supersede: {enabled: queue}
        supersede.enabled: expected true or false, got "queue"
    supersede: {line: x}
        supersede.line: unknown field; known: `enabled`, `label`
    "#); }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] =
    &[it_is_on_by_default_and_a_string_switches_it_off, what_is_no_label_is_refused];
