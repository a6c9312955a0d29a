//! No key of the input is missing in the report.

use argo_buildkit::migrate::{MigrateInput, MigrateOptions, migrate};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::cases::migrated;
use super::{corpus, entries};

/// The number of values without values in them.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(map) if !map.is_empty() => map.values().map(leaves).sum(),
        Value::Array(items) if !items.is_empty() => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

fn keys(name: &str, value: &Value) -> (usize, usize) {
    let options = MigrateOptions { namespace: "builds".to_owned(), git_url: None };
    // JSON is YAML, and has no aliases and merges.
    let input = MigrateInput { name: name.to_owned(), bytes: value.to_string().into_bytes() };
    (migrate(&[input], &options).report.rows.len(), leaves(value))
}

#[test]
fn every_key_of_the_corpus_has_one_row() {
    for path in entries(&corpus("cases")) {
        let (text, migration) = migrated(&path);
        let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple(&text);
        // A file with `<<` has a row for each key that is merged, and one that is no YAML has one for all.
        let Some(documents) = documents.ok().filter(|_| !text.contains("<<") && !text.contains("image: {{"))
        else {
            continue;
        };
        let expected: usize = documents.iter().map(leaves).sum();
        assert_eq!(migration.report.rows.len(), expected, "{}\n{}", path.display(), migration.report.text());
    }
}

/// Words that the readers look for, so that random maps get past their first look.
const WORDS: &[&str] = &[
    "kind",
    "spec",
    "metadata",
    "name",
    "params",
    "value",
    "tasks",
    "taskRef",
    "steps",
    "script",
    "args",
    "command",
    "image",
    "env",
    "on",
    "push",
    "branches",
    "jobs",
    "uses",
    "with",
    "run",
    "tags",
    "triggers",
    "interceptors",
    "bindings",
    "template",
    "templates",
    "container",
    "arguments",
    "parameters",
    "annotations",
    "volumes",
    "secret",
    "a/b~c",
    "",
    "0",
];

const TEXTS: &[&str] = &[
    "Task",
    "Pipeline",
    "PipelineRun",
    "EventListener",
    "TriggerTemplate",
    "Job",
    "Workflow",
    "Application",
    "$(params.name)",
    "docker/build-push-action@v6",
    "docker build -t r.example.com/a:1 .",
    "--destination=r.example.com/a",
    "kaniko",
    "git clone https://u:p@git.example.com/a/b.git && git push",
    "${{ github.sha }}",
    "{{workflow.parameters.name}}",
    "",
];

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        proptest::sample::select(TEXTS).prop_map(|text| json!(text)),
        any::<bool>().prop_map(|value| json!(value)),
        (0..100_u32).prop_map(|value| json!(value)),
        Just(Value::Null),
    ];
    scalar.prop_recursive(6, 60, 5, |inner| {
        let pairs = prop::collection::vec((proptest::sample::select(WORDS), inner.clone()), 0..5);
        let map = pairs.prop_map(|pairs| {
            Value::Object(
                pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
            )
        });
        prop_oneof![map, prop::collection::vec(inner, 0..4).prop_map(Value::Array)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_key_of_any_map_has_one_row(
        kind in proptest::sample::select(TEXTS),
        spec in values(),
        jobs in values(),
    ) {
        let object = json!({"kind": kind, "metadata": {"name": "name"}, "spec": spec});
        let workflow = json!({"on": "push", "jobs": {"one": {"steps": [jobs]}}});
        for (name, value) in [("a.yaml", object), ("o/r/.gitea/workflows/a.yaml", workflow)] {
            let (rows, leaves) = keys(name, &value);
            prop_assert_eq!(rows, leaves, "{}", value);
        }
    }
}
