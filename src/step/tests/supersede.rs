//! `supersede`: its meaning, and the bodies that are refused.

use super::{parsed, refusals, yaml};
use crate::step::{Step, Supersede};

#[test]
fn it_is_on_by_default_and_a_string_switches_it_off() {
    for (fields, enabled, label, line) in [
        ("{}", true, "argo-buildkit.io/line", None),
        ("{enabled: '', label: '', line: ''}", true, "argo-buildkit.io/line", None),
        ("{enabled: 'false', label: app, line: a.B-c_9}", false, "app", Some("a.B-c_9")),
        ("{enabled: false}", false, "argo-buildkit.io/line", None),
    ] {
        let expected = Supersede { enabled, label: label.into(), line: line.map(str::to_owned) };
        assert_eq!(
            parsed(&format!("supersede: {fields}")).unwrap(),
            Step::Supersede(Box::new(expected)),
            "{fields}"
        );
    }
}

#[test]
fn what_is_no_label_is_refused() {
    let long = format!("supersede: {{line: {}}}", "a".repeat(64));
    let rows = [
        "supersede: {label: 'a=b,c'}",
        "supersede: {enabled: queue}",
        "supersede: {lines: x}",
        "supersede: {line: 'a,b'}",
        "supersede: {line: 'https://git.example.com/shop'}",
        "supersede: {line: ends-}",
        &long,
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, yaml), @r#"
    supersede: {label: 'a=b,c'}
        supersede.label: is not the key of a label, such as `argo-buildkit.io/line`
    supersede: {enabled: queue}
        supersede.enabled: expected true or false, got "queue"
    supersede: {lines: x}
        supersede.lines: unknown field (did you mean `line`?); known: `enabled`, `label`, `line`
    supersede: {line: 'a,b'}
        supersede.line: is not the value of a label: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; give a hash of what the workflow builds
    supersede: {line: 'https://git.example.com/shop'}
        supersede.line: is not the value of a label: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; give a hash of what the workflow builds
    supersede: {line: ends-}
        supersede.line: is not the value of a label: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; give a hash of what the workflow builds
    supersede: {line: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
        supersede.line: is not the value of a label: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; give a hash of what the workflow builds
    "#); }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] =
    &[it_is_on_by_default_and_a_string_switches_it_off, what_is_no_label_is_refused];
