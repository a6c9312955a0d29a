//! Any value: the parser ends, and says something of each that it refuses.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::small;
use crate::catalogue::{CATALOGUE, CatalogueForm, KnownTemplates, parse, read};
use crate::step::tests::any_json::{any_json, words};

const WORDS: &[&str] =
    &["", "main", "a/b", "{{x}}", "$(a.b)", "'\"\n", "yes", "1.20", "~", "é\u{1f980}", "[", "*", "- x", "#"];
const KEYS: &[&str] = &["name", "registry", "repo", "template", "schedule", "file", "helm", "A"];

fn value() -> impl Strategy<Value = Value> {
    any_json(3, words(WORDS, ".{0,12}"), words(KEYS, ".{0,12}"))
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
