//! The whole corpus, both ways.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::beyond::is_beyond;
use super::mutants::mutants;
use super::validator;
use crate::step::tests::any_json::{any_json, words};
use crate::step::tests::corpus;
use crate::step::{Kind, parse};

/// Where parser and schema differ about one of `bodies`, unless docs/schema.md says so.
fn differences(bodies: &[Value]) -> Vec<String> {
    let schema = validator(&crate::schema::step());
    let differs = |body: &&Value| match (parse(body), schema.is_valid(body)) {
        (Ok(_), false) => {
            let why = schema.iter_errors(body).next().unwrap();
            Some(format!("the schema refuses {body}: {} {why}", why.instance_path()))
        }
        (Err(invalid), true)
            if !is_beyond(&invalid.problem) && !is_opaque(body, body.get("steps").is_some()) =>
        {
            Some(format!("{invalid}: the schema takes {body}"))
        }
        _ => None,
    };
    bodies.iter().filter_map(|body| differs(&body)).collect()
}

/// Whether the parser looks into a string that the schema takes as it is: JSON, or a reference of an entry.
fn is_opaque(body: &Value, entries: bool) -> bool {
    match body {
        Value::String(text) => {
            text.trim_start().starts_with(['[', '{']) && !text.contains("{{")
                || entries && text.contains("$(") && text.contains('.')
        }
        Value::Array(items) => items.iter().any(|item| is_opaque(item, entries)),
        Value::Object(fields) => fields.values().any(|field| is_opaque(field, entries)),
        _ => false,
    }
}

/// The shortest of the differences.
fn report(found: &[String]) -> String {
    let mut found: Vec<_> = found.iter().map(|line| line.chars().take(400).collect::<String>()).collect();
    found.sort();
    found.dedup_by_key(|line| line.split(": the schema").next().map(str::to_owned));
    found.truncate(30);
    found.join("\n")
}

#[test]
fn parser_and_schema_agree_on_every_body_of_the_tests() {
    let found = differences(&corpus::bodies());
    assert!(found.is_empty(), "{} differences\n{}", found.len(), report(&found));
}

#[test]
fn parser_and_schema_agree_on_every_small_change_of_a_good_body() {
    let good: Vec<_> = corpus::bodies().into_iter().filter(|body| parse(body).is_ok()).collect();
    let mut changed: Vec<_> = good.iter().flat_map(mutants).collect();
    changed.sort_by_key(Value::to_string);
    changed.dedup();
    assert!(changed.len() > 5000, "{}", changed.len());
    let found = differences(&changed);
    assert!(found.is_empty(), "{} differences of {}\n{}", found.len(), changed.len(), report(&found));
}

#[test]
fn every_field_of_a_kind_is_described() {
    for &kind in Kind::ALL {
        for field in kind.spec().fields() {
            assert!(crate::schema::docs::description(kind, field).is_some(), "{kind}.{field}");
        }
    }
}

const WORDS: &[&str] =
    &["", "true", "3", "a", "a,b", "[\"a\"]", "{\"name\": \"a\"}", "$(build.digest)", "$$(a.b)", "{{x}}"];
const KEYS: &[&str] = &["name", "key", "ref", "repo", "secret", "id", "file", "helm", "mode", "kind"];

fn value() -> impl Strategy<Value = Value> {
    any_json(3, words(WORDS, ".{0,12}"), words(KEYS, ".{0,12}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn parser_and_schema_agree_on_any_value_of_any_field(value in value()) {
        let build = json!({"context": "https://git.example/a", "tags": "a"});
        let update = json!({"repo": "https://git.example/a", "targets": [{"file": "a", "helm": {"a": "b"}}]});
        let mut bodies = Vec::new();
        for (kind, body) in [(Kind::Build, build), (Kind::UpdateManifest, update), (Kind::Supersede, json!({}))] {
            for field in kind.spec().fields() {
                let mut body = body.clone();
                body[field] = value.clone();
                bodies.push(json!({kind.name(): body}));
            }
        }
        let found = differences(&bodies);
        prop_assert!(found.is_empty(), "{}", report(&found));
    }
}
