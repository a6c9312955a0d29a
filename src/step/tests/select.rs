//! `select`: its meaning, and the bodies that are refused.

use serde_json::{Value, json};

use super::{parse, refusals, with, yaml};
use crate::selection::GitRef;
use crate::step::select::Choice;
use crate::step::{Select, Step};

fn select(fields: &str) -> Select {
    match parse(&with("select", fields)) {
        Ok(Step::Select(select)) => *select,
        other => panic!("{fields}: {other:?}"),
    }
}

#[test]
fn a_push_is_a_ref_and_two_commits() {
    let push = select("").push.unwrap();
    assert_eq!(push.git_ref, GitRef::Branch("main".into()));
    assert_eq!((push.before, push.after), (Some("1".repeat(40)), Some("2".repeat(40))));
    let short =
        select("ref: feature/x, before: '', after: ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD").push.unwrap();
    assert_eq!(short.git_ref, GitRef::Branch("feature/x".into()));
    assert_eq!((short.before, short.after), (None, Some("abcdefabcdefabcdefabcdefabcdefabcdefabcd".into())));
    let zeros = "0".repeat(40);
    let deleted = select(&format!("ref: refs/tags/v1, before: '{zeros}', after: '{zeros}'")).push.unwrap();
    assert_eq!((deleted.git_ref, deleted.before, deleted.after), (GitRef::Tag("v1".into()), None, None));
    assert_eq!(select("ref: refs/pull/7/head").push.unwrap().git_ref, GitRef::PullRequest(7));
}

#[test]
fn a_step_that_is_off_needs_no_push() {
    assert_eq!(select("enabled: 'false', after: '', ref: null, repo: ''").push, None);
    assert_eq!(select("enabled: false, after: main, ref: 'v1 ', before: 1.0.0, repo: x").push, None);
    assert!(parse(&json!({"select": {"enabled": false}})).is_ok());
}

#[test]
fn globs_and_patterns_are_lists_or_strings_with_commas() {
    let lists = select("paths: [a/**, '{b,c}/d'], paths-ignore: ['*.md']");
    assert_eq!(select("paths: '[\"a/**\", \"{b,c}/d\"]', paths-ignore: '*.md'"), lists);
    assert_eq!(select("paths: 'a, b,'"), select("paths: [a, b]"));
    assert_eq!(select("paths: ''"), select(""));
    let services =
        "services: '[{\"name\": \"api\", \"branches\": \"main,dev\", \"workflow\": {\"template\": \"t\"}}]'";
    let Choice::Services(services) = select(services).choice else { panic!("services") };
    assert_eq!(services[0].workflow.as_ref().unwrap().template, "t");
}

#[test]
fn what_cannot_be_decided_is_refused() {
    let rows = [
        "repo: ''",
        "ref: null",
        "after: ''",
        "after: main",
        "before: 1234567",
        "ref: 'a b'",
        "ref: refs/heads/$(x.y)",
        "ref: 'refs/heads/{{x}}'",
        "repo: git@git.example:a/b",
        "paths: [/etc/*]",
        "paths: ['a[']",
        "paths-ignore: ['!a']",
        "paths: a, services: [{name: api}]",
        "services: []",
        "services: {}",
        "services: [{}]",
        "services: [{name: Api}]",
        "services: [{name: api}, {name: api}]",
        "services: [{name: api, branches: ['(']}]",
        "services: [{name: api, tags: ['[z-a]']}]",
        "services: [{name: api, brunches: [main]}]",
        "services: [{name: api, workflow: {}}]",
        "services: [{name: api, workflow: {template: 'A B'}}]",
        "services: [{name: api, workflow: {template: t, parameters: {'a b': c}}}]",
        "services: [{name: api, workflow: {template: t, parameters: {a: 1}}}]",
        "path: a",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, |row| with("select", row))); }
}

#[test]
fn ten_thousand_services_are_too_many() {
    let services: Vec<Value> = (0..10_000).map(|nth| json!({"name": format!("s{nth}")})).collect();
    let mut body = with("select", "");
    body["select"]["services"] = json!(services);
    let error = parse(&body).unwrap_err().to_string();
    assert!(error.contains("at most 1000 are taken") || error.contains("values"), "{error}");
    let thousand = yaml("{name: x}");
    body["select"]["services"] = json!(vec![thousand; 1000]);
    assert!(
        parse(&body).unwrap_err().to_string().contains("services[1].name: `x` is used by another service")
    );
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    a_push_is_a_ref_and_two_commits,
    a_step_that_is_off_needs_no_push,
    globs_and_patterns_are_lists_or_strings_with_commas,
    what_cannot_be_decided_is_refused,
    ten_thousand_services_are_too_many,
];
