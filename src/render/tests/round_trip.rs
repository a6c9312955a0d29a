//! What goes into a catalogue comes out of the rendered YAML, for any reader.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::yaml;
use super::{files, named, object};
use crate::catalogue::tests::{bodies, small};
use crate::manifest::documents::documents;
use crate::step::tests::any_json::{any_json, words};

#[test]
fn the_same_catalogue_gives_the_same_bytes_whatever_the_order_of_its_keys() {
    for body in bodies() {
        let reordered: Value = serde_json::from_str(&body.to_string()).unwrap();
        assert_eq!(files(&body), files(&reordered));
    }
}

#[test]
fn every_file_is_ours_and_named_by_the_kustomization() {
    for body in bodies() {
        let files = files(&body);
        let resources = object(&files, "kustomization.yaml");
        let mut named: Vec<_> =
            resources["resources"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        named.push("kustomization.yaml");
        named.sort_unstable();
        assert_eq!(named, files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>());
        assert!(files.iter().all(|file| super::super::is_ours(&file.text)));
    }
}

/// What left the catalogue is found by its label. The account is shared with the other catalogues of the namespace.
#[test]
fn every_object_but_the_account_has_the_catalogue_s_name() {
    for body in bodies() {
        let files = files(&body);
        for file in files
            .iter()
            .filter(|file| !["kustomization.yaml", "sensor-account.yaml"].contains(&file.name.as_str()))
        {
            let object = object(&files, &file.name);
            let name = body["name"].as_str().unwrap_or("services");
            assert_eq!(object["metadata"]["labels"]["argo-buildkit.io/catalogue"], name, "{}", file.name);
        }
    }
}

/// The JSON that two readers, one of YAML 1.1 and one of 1.2, read.
fn read(text: &str) -> (Value, Value) {
    let (_, found) = documents(text.as_bytes()).unwrap();
    (found[0].value.clone(), serde_saphyr::from_str(text).unwrap())
}

const WORDS: &[&str] =
    &["yes", "0o7", "1_000", "12:30", "~", "null", "- a", "a: b", "#", "{{x}}", "", " a ", "é", "*a", "<<"];

fn value() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![words(WORDS, "\\PC{0,10}"), "[ -~\n\t]{0,12}"];
    any_json(4, texts, "[ -~]{1,6}".boxed())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_value_is_read_back_as_it_was(value in value()) {
        let value = json!({"a": value});
        let text = yaml::document(&value);
        // `<<` as a quoted key is a key, which the first reader takes for a merge.
        prop_assume!(!text.contains("\"<<\":"));
        let (older, newer) = read(&text);
        prop_assert_eq!(&older, &value, "{}", text);
        prop_assert_eq!(&newer, &value, "{}", text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_texts_of_a_service_reach_its_workflows_unchanged(text in "[ -~é\u{1f980}]{1,20}") {
        prop_assume!(!text.contains("{{") && !text.contains("$(") && !text.trim().is_empty());
        let files = files(&small(&json!({"build-args": {"A": text}, "parameters": {"message": text}})));
        let expected = json!({"A": text}).to_string();
        let sweep = object(&files, "sweep.yaml");
        let services = sweep.pointer("/spec/workflowSpec/templates/0/plugin/buildkit/poll/services").unwrap();
        let parameters = &named(services, "api")["workflow"]["parameters"];
        prop_assert_eq!(&parameters["build-args"], &json!(expected));
        prop_assert_eq!(&parameters["message"], &json!(text));
    }
}
