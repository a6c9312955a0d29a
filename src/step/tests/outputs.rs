//! The outputs that a template may declare.

use std::collections::BTreeMap;

use serde_json::json;

use super::{parse, parsed, with};
use crate::outcome::Outputs;
use crate::step::reference::is_name;
use crate::step::{Kind, Output, Step};

const TWO_BUILDS: &str = "steps: [{name: api, build: {context: https://git.example/a, tags: a}}, \
     {name: web, build: {context: https://git.example/a, tags: b}}, \
     {update-manifest: {repo: https://git.example/g, targets: [{file: v.yaml, helm: {a: b}}]}}]";

fn names(kind: Kind) -> Vec<&'static str> {
    kind.spec().outputs.iter().map(|output| output.name).collect()
}

fn declared(step: &Step, names: &[&str]) -> Result<(), String> {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    step.check_declared(&names).map_err(|invalid| invalid.to_string())
}

#[test]
fn declared_outputs_can_be_produced() {
    let step = parsed(TWO_BUILDS).unwrap();
    declared(&step, &["api-digest", "web-log-tail", "commit", "update-manifest-commit"]).unwrap();
    let single = parsed("build: {context: https://git.example/a, tags: a}").unwrap();
    declared(&single, &names(Kind::Build)).unwrap();
    insta::allow_duplicates! { insta::assert_snapshot!(declared(&single, &["digest", "digset"]).unwrap_err(), @r##"outputs.parameters.digset: `build` has no such output (did you mean `digest`?); it has `digest`, `image`, `tags`, `revision`, `attestations`, `cached-steps`, `total-steps`, `seconds`, `cache`, `cache-cost`, `cache-miss`, `warnings`, `log`, `log-tail`, `metadata`, `skipped`"##); }
    insta::allow_duplicates! { insta::assert_snapshot!(declared(&single, &["result"]).unwrap_err(), @r##"outputs.parameters.result: `build` has no such output; it has `digest`, `image`, `tags`, `revision`, `attestations`, `cached-steps`, `total-steps`, `seconds`, `cache`, `cache-cost`, `cache-miss`, `warnings`, `log`, `log-tail`, `metadata`, `skipped`"##); }
    insta::allow_duplicates! { insta::assert_snapshot!(declared(&step, &["digest"]).unwrap_err(), @r##"outputs.parameters.digest: several entries produce it; declare `api-digest` or `web-digest`"##); }
    insta::allow_duplicates! { insta::assert_snapshot!(declared(&step, &["api-digset"]).unwrap_err(), @r#"outputs.parameters.api-digset: `steps` has no such output (did you mean `api-digest`?); it has `update-manifest-assumed`, `api-attestations`, `web-attestations`, `api-cache`, `web-cache`, `api-cache-cost`, `web-cache-cost`, `api-cache-miss`, `web-cache-miss`, `api-cached-steps`, `web-cached-steps`, `update-manifest-changed`, `update-manifest-commit`, `update-manifest-diff`, `api-digest`, `web-digest`, `api-image`, `web-image`, `api-log`, `web-log`, `api-log-tail`, `web-log-tail`, `api-metadata`, `web-metadata`, `update-manifest-notices`, `update-manifest-number`, `update-manifest-refreshed`, `api-revision`, `web-revision`, `api-seconds`, `web-seconds`, `api-skipped`, `web-skipped`, `update-manifest-superseded-by`, `api-tags`, `web-tags`, `api-total-steps`, `web-total-steps`, `update-manifest-url`, `api-warnings`, `web-warnings`, `assumed`, `changed`, `commit`, `diff`, `notices`, `number`, `refreshed`, `superseded-by`, `url`"#); }
}

#[test]
fn outputs_of_entries_are_joined_under_the_names_that_were_promised() {
    let Step::Steps(steps) = parsed(TWO_BUILDS).unwrap() else { panic!("steps") };
    let of =
        |names: &[&str]| names.iter().map(|&name| (name.to_owned(), name.to_owned())).collect::<Outputs>();
    let results = [("api", Kind::Build), ("web", Kind::Build), ("update-manifest", Kind::UpdateManifest)];
    let results: BTreeMap<_, _> = results.map(|(entry, kind)| (entry.to_owned(), of(&names(kind)))).into();
    let joined: Vec<_> = steps.join(&results).into_keys().collect();
    let mut promised = Step::Steps(steps).outputs();
    promised.sort();
    assert_eq!(joined, promised);
}

/// The output `a-b` of one entry must not collide with `b` of an entry `a`, or with an output of an entry `a-b`.
#[test]
fn no_output_ends_like_another() {
    let all: Vec<_> = Kind::ALL.iter().copied().flat_map(names).collect();
    for name in &all {
        assert!(!all.iter().any(|other| other.ends_with(&format!("-{name}"))), "{name}");
    }
}

#[test]
fn an_output_can_be_referred_to_and_reads_as_its_sample() {
    for kind in Kind::ALL.iter().filter(|kind| kind.spec().nests) {
        for Output { name, sample, .. } in kind.spec().outputs {
            assert!(is_name(name) && !sample.is_empty(), "{kind}: {name}");
            let (first, body) = (format!("a-{kind}"), with(kind.name(), "")[kind.name()].clone());
            let second = with("build", &format!("labels: {{of: '$({first}.{name})'}}"));
            let mut steps = json!({"steps": [{"name": first, kind.name(): body}, second]});
            steps["steps"][1]["name"] = json!("second");
            let Step::Steps(steps) = parse(&steps).unwrap() else { panic!("steps") };
            let Step::Build(build) = &steps.entries[1].template else { panic!("a build") };
            assert_eq!(build.labels["of"], *sample, "{kind}: {name}");
        }
    }
}

#[test]
fn a_kind_that_does_not_nest_is_no_entry() {
    for kind in Kind::ALL.iter().filter(|kind| !kind.spec().nests) {
        let entry = json!({"name": "a", kind.name(): []});
        assert!(parse(&json!({"steps": [entry]})).is_err(), "{kind}");
    }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    declared_outputs_can_be_produced,
    outputs_of_entries_are_joined_under_the_names_that_were_promised,
    no_output_ends_like_another,
    an_output_can_be_referred_to_and_reads_as_its_sample,
    a_kind_that_does_not_nest_is_no_entry,
];
