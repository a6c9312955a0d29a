//! Invalid lists of steps.

use serde_json::{Value, json};

use super::{parse, refusals, with, yaml};

/// A valid build, followed by the entries in `row` (a flow list without its brackets).
fn after_build(row: &str) -> Value {
    let mut entries = vec![with("build", "")];
    entries.extend(yaml(&format!("[{row}]")).as_array().unwrap().clone());
    json!({ "steps": entries })
}

/// A valid build, followed by a manifest update with `value` as the image's tag.
fn referring(value: &str) -> Value {
    let target = json!({"file": "a.yaml", "helm": {"image.tag": value}});
    let update = json!({"repo": "https://git.example/gitops", "targets": [target]});
    json!({"steps": [with("build", ""), {"name": "promote", "update-manifest": update}]})
}

#[test]
fn entries_have_one_kind_and_a_name_of_their_own() {
    let rows = [
        "{}",
        "{name: a}",
        "build",
        "{bulid: {}}",
        "{build: {}, update-manifest: {}}",
        "{steps: []}",
        "{name: 'My Build', build: {context: https://git.example/a, tags: a}}",
        "{build: {context: https://git.example/a, tags: a}}",
        "{name: build, update-manifest: {repo: https://git.example/a, targets: [{file: a, helm: {a: b}}]}}",
        "{name: again, build: {context: https://git.example/a, tags: A}}",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, after_build), @r##"
    {}
        steps[1]: no step kind is named; write one of `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`
    {name: a}
        steps[1]: no step kind is named; write one of `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`
    build
        steps[1]: expected a map, got a string
    {bulid: {}}
        steps[1]: unknown step kind "bulid" (did you mean `build`?); known: `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`
    {build: {}, update-manifest: {}}
        steps[1]: several step kinds in one place, `build`, `update-manifest`; write one, or a list under `steps`
    {steps: []}
        steps[1].steps: `steps` cannot be nested; write its entries into the one list
    {name: 'My Build', build: {context: https://git.example/a, tags: a}}
        steps[1].name: is not a name of at most 63 lower-case letters, digits and `-`
    {build: {context: https://git.example/a, tags: a}}
        steps[1]: another entry is named `build`; give this one a `name` of its own
    {name: build, update-manifest: {repo: https://git.example/a, targets: [{file: a, helm: {a: b}}]}}
        steps[1]: another entry is named `build`; give this one a `name` of its own
    {name: again, build: {context: https://git.example/a, tags: A}}
        steps[1].build.tags[0]: `A` is not an image name: its repository must be lower-case
    "##); }
}

#[test]
fn references_name_earlier_outputs() {
    let rows = [
        "$(bild.digest)",
        "$(promote.commit)",
        "$(build.digets)",
        "$(build.sha)",
        "$(build.digest) {{inputs.parameters.x}}",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, referring), @r##"
    $(bild.digest)
        steps[1].update-manifest.targets[0].helm["image.tag"]: `$(bild.digest)`: no earlier entry is named `bild` (did you mean `build`?); earlier: `build`
    $(promote.commit)
        steps[1].update-manifest.targets[0].helm["image.tag"]: `$(promote.commit)`: no earlier entry is named `promote`; earlier: `build`
    $(build.digets)
        steps[1].update-manifest.targets[0].helm["image.tag"]: `$(build.digets)`: `build` has no output `digets` (did you mean `digest`?); it has `digest`, `image`, `tags`, `revision`, `attestations`, `cached-steps`, `total-steps`, `seconds`, `cache`, `cache-cost`, `cache-miss`, `warnings`, `log`, `log-tail`, `metadata`, `skipped`
    $(build.sha)
        steps[1].update-manifest.targets[0].helm["image.tag"]: `$(build.sha)`: `build` has no output `sha`; it has `digest`, `image`, `tags`, `revision`, `attestations`, `cached-steps`, `total-steps`, `seconds`, `cache`, `cache-cost`, `cache-miss`, `warnings`, `log`, `log-tail`, `metadata`, `skipped`
    $(build.digest) {{inputs.parameters.x}}
        steps[1].update-manifest.targets[0].helm["image.tag"]: Argo did not substitute "{{inputs.parameters.x}}": no such parameter here
    "##); }
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&["steps: []", "steps: [{build: {context: $(a.b)}}]"], yaml), @r##"
    steps: []
        steps: is empty; write at least one step
    steps: [{build: {context: $(a.b)}}]
        steps[0].build.context: `$(a.b)`: no earlier entry is named `a`; earlier: there is none
    "##); }
}

#[test]
fn a_reference_has_to_fit_where_it_stands() {
    let rows = [
        "{name: b, build: {context: https://git.example/a, tags: 'a:$(build.digest)'}}",
        "{name: b, build: {context: https://git.example/a, tags: [a], push: $(build.digest)}}",
        "{name: b, build: {context: https://git.example/a, tags: [a], labels: $(build.image)}}",
        "{name: b, build: {context: https://git.example/a, tags: [a], labels: {$(build.digest): a}}}",
        "{name: $(build.digest), build: {context: https://git.example/a, tags: [a]}}",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, after_build), @r##"
    {name: b, build: {context: https://git.example/a, tags: 'a:$(build.digest)'}}
        steps[1].build.tags[0]: `a:sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855` is not an image name: `a:sha256` must be lower-case letters and digits, joined by `.`, `_`, `__` or `-` (checked with an example value for the reference)
    {name: b, build: {context: https://git.example/a, tags: [a], push: $(build.digest)}}
        steps[1].build.push: expected true or false, got "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca4959…" (checked with an example value for the reference)
    {name: b, build: {context: https://git.example/a, tags: [a], labels: $(build.image)}}
        steps[1].build.labels: expected a map, got a string
    {name: b, build: {context: https://git.example/a, tags: [a], labels: {$(build.digest): a}}}
        steps[1].build.labels["$(build.digest)"]: a reference can stand in a value only, not in a key
    {name: $(build.digest), build: {context: https://git.example/a, tags: [a]}}
        steps[1].name: `$(build.digest)`: nothing to refer to, since references work between the entries of `steps` only; write `$$(build.digest)` for the text itself
    "##); }
}

/// A `select`, followed by the entries in `row`, in which `B` is a valid build.
fn after_select(row: &str) -> Value {
    let build = "build: {context: https://git.example/a, tags: a}";
    let mut entries = vec![with("select", "")];
    entries.extend(yaml(&format!("[{}]", row.replace('B', build))).as_array().unwrap().clone());
    json!({ "steps": entries })
}

#[test]
fn a_condition_is_a_bool_or_an_output_that_is_one() {
    for good in [
        "{when: true, B}",
        "{when: ' false ', B}",
        "{when: '', B}",
        "{when: null, B}",
        "{when: $(select.selected), B}",
        "{when: ' $(select.selected) ', B}, {name: b, when: $(select.selected), build: {context: https://git.example/a, tags: a, labels: {x: $(build.image)}}}",
        "{when: false, B}, {name: b, when: 'false', build: {context: https://git.example/a, tags: a, labels: {x: $(build.image)}}}",
    ] {
        parse(&after_select(good)).unwrap_or_else(|invalid| panic!("{good}: {invalid}"));
    }
    let rows = [
        "{when: maybe, B}",
        "{when: 1, B}",
        "{when: [true], B}",
        "{when: '$(select.selected) && true', B}",
        "{when: '!$(select.selected)', B}",
        "{when: '$(select.selected) == \"true\"', B}",
        "{when: '{{=x}}', B}",
        "{when: $(select.reason), B}",
        "{when: $(select.selectd), B}",
        "{when: $(selct.selected), B}",
        "{when: $(build.digest), B}",
        "{when: $(select.selected), B}, {name: b, build: {context: https://git.example/a, tags: a, labels: {x: $(build.image)}}}",
        "{when: $(select.selected), B}, {name: b, build: '{\"context\": \"https://git.example/a\", \"tags\": \"a\", \"labels\": {\"x\": \"\\u0024(build.image)\"}}'}",
        "{when: false, B}, {name: b, when: true, build: {context: https://git.example/a, tags: a, labels: {x: $(build.image)}}}",
        "{name: a, when: $(select.selected), select: {enabled: false}}, {when: $(a.selected), B}",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, after_select)); }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    entries_have_one_kind_and_a_name_of_their_own,
    references_name_earlier_outputs,
    a_reference_has_to_fit_where_it_stands,
    a_condition_is_a_bool_or_an_output_that_is_one,
];
