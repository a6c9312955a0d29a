//! The outputs that a template may declare.

use std::collections::BTreeMap;

use super::parsed;
use crate::outcome::Outputs;
use crate::step::{Step, build, update_manifest};

const TWO_BUILDS: &str = "steps: [{name: api, build: {context: https://git.example/a, tags: a}}, \
     {name: web, build: {context: https://git.example/a, tags: b}}, \
     {update-manifest: {repo: https://git.example/g, targets: [{file: v.yaml, helm: {a: b}}]}}]";

fn declared(step: &Step, names: &[&str]) -> Result<(), String> {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    step.check_declared(&names).map_err(|invalid| invalid.to_string())
}

#[test]
fn declared_outputs_can_be_produced() {
    let step = parsed(TWO_BUILDS).unwrap();
    declared(&step, &["api-digest", "web-log-tail", "commit", "update-manifest-commit"]).unwrap();
    let single = parsed("build: {context: https://git.example/a, tags: a}").unwrap();
    declared(&single, build::OUTPUTS).unwrap();
    insta::assert_snapshot!(declared(&single, &["digest", "digset"]).unwrap_err(), @r##"outputs.parameters.digset: `build` has no such output (did you mean `digest`?); it has `digest`, `image`, `tags`, `revision`, `cached-steps`, `total-steps`, `seconds`, `cache`, `warnings`, `log`, `log-tail`"##);
    insta::assert_snapshot!(declared(&single, &["result"]).unwrap_err(), @r##"outputs.parameters.result: `build` has no such output; it has `digest`, `image`, `tags`, `revision`, `cached-steps`, `total-steps`, `seconds`, `cache`, `warnings`, `log`, `log-tail`"##);
    insta::assert_snapshot!(declared(&step, &["digest"]).unwrap_err(), @r##"outputs.parameters.digest: several entries produce it; declare `api-digest` or `web-digest`"##);
    insta::assert_snapshot!(declared(&step, &["api-digset"]).unwrap_err(), @r#"outputs.parameters.api-digset: `steps` has no such output (did you mean `api-digest`?); it has `update-manifest-assumed`, `api-cache`, `web-cache`, `api-cached-steps`, `web-cached-steps`, `update-manifest-changed`, `update-manifest-commit`, `update-manifest-diff`, `api-digest`, `web-digest`, `api-image`, `web-image`, `api-log`, `web-log`, `api-log-tail`, `web-log-tail`, `update-manifest-number`, `update-manifest-refreshed`, `api-revision`, `web-revision`, `api-seconds`, `web-seconds`, `update-manifest-superseded-by`, `api-tags`, `web-tags`, `api-total-steps`, `web-total-steps`, `update-manifest-url`, `api-warnings`, `web-warnings`, `assumed`, `changed`, `commit`, `diff`, `number`, `refreshed`, `superseded-by`, `url`"#);
}

#[test]
fn outputs_of_entries_are_joined_under_the_names_that_were_promised() {
    let Step::Steps(steps) = parsed(TWO_BUILDS).unwrap() else { panic!("steps") };
    let of =
        |names: &[&str]| names.iter().map(|&name| (name.to_owned(), name.to_owned())).collect::<Outputs>();
    let results =
        [("api", build::OUTPUTS), ("web", build::OUTPUTS), ("update-manifest", update_manifest::OUTPUTS)];
    let results: BTreeMap<_, _> = results.map(|(entry, names)| (entry.to_owned(), of(names))).into();
    let joined: Vec<_> = steps.join(&results).into_keys().collect();
    let mut promised = Step::Steps(steps).outputs();
    promised.sort();
    assert_eq!(joined, promised);
}

/// `a-b` of one entry must not be `b` of an entry called `a` and something else of an entry called `a-b`.
#[test]
fn no_output_ends_like_another() {
    let all: Vec<_> = build::OUTPUTS.iter().chain(update_manifest::OUTPUTS).collect();
    for name in &all {
        assert!(!all.iter().any(|other| other.ends_with(&format!("-{name}"))), "{name}");
    }
}
