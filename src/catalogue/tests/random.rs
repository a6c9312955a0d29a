//! Any value: the parser ends, and says something of each that it refuses.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::small;
use crate::catalogue::{CATALOGUE, CatalogueForm, KnownTemplates, parse, read};

const WORDS: &[&str] =
    &["", "main", "a/b", "{{x}}", "$(a.b)", "'\"\n", "yes", "1.20", "~", "é\u{1f980}", "[", "*", "- x", "#"];
const KEYS: &[&str] = &["name", "registry", "repo", "template", "schedule", "file", "helm", "A"];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(KEYS), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn fields() -> Vec<&'static str> {
    let services = CATALOGUE.fields.iter().find(|field| field.name == "services").unwrap();
    let CatalogueForm::List(_, CatalogueForm::Map(table)) = services.form else { panic!() };
    table.names().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_value_of_any_field_is_taken_or_refused_in_a_sentence(value in value()) {
        let templates = KnownTemplates::bundled();
        for field in fields() {
            let body = small(&json!({field: value.clone()}));
            match read(&body, &templates) {
                Ok(catalogue) => prop_assert_eq!(catalogue.services.len(), 1),
                Err(problems) => {
                    prop_assert!(!problems.is_empty());
                    prop_assert!(problems.iter().all(|one| !one.problem.contains('\n') && one.problem.len() < 1100));
                }
            }
        }
    }

    #[test]
    fn any_text_is_taken_or_refused(text in ".{0,200}") {
        let _ = parse(text.as_bytes(), &KnownTemplates::bundled());
    }
}
