//! No input makes the parser panic, and parsing twice gives the same result.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::any_json::{any_json, words};
use super::{parse, yaml};
use crate::step::{Kind, Step};

/// Names and values that reach deep code paths of the parser.
fn word() -> BoxedStrategy<String> {
    let kinds = || Kind::ALL.iter().map(|kind| kind.spec());
    let known = kinds().flat_map(|spec| spec.fields().chain([spec.name]));
    let more = ["name", "file", "helm", "kustomize", "ref", "repo", "id", "key"];
    let odd =
        ["", "true", "$(build.digest)", "$$(", "{{x}}", "[", "{", "[\"a\"]", "{\"repo\": \"https://g/a\"}"];
    let plain =
        ["a:1", "https://git.example/a.git", "docker-image://a", "linux/amd64", "ü/\u{202e}", "\u{7f}"];
    words(&known.chain(more).chain(odd).chain(plain).collect::<Vec<_>>(), ".{0,12}")
}

fn json_value() -> impl Strategy<Value = Value> {
    any_json(5, word(), word())
}

/// A valid body with a few of its fields replaced.
fn body() -> impl Strategy<Value = Value> {
    let good = "{context: https://git.example/a, tags: a}";
    let fields = prop::collection::btree_map(
        prop::sample::select(Kind::Build.spec().fields().collect::<Vec<_>>()),
        json_value(),
        0..3,
    );
    fields.prop_map(move |fields| {
        let mut build = yaml(good);
        for (name, value) in fields {
            build[name] = value;
        }
        json!({"steps": [{ "build": yaml(good) }, {"name": "b", "build": build}]})
    })
}

proptest! {
    #[test]
    fn random_bodies_do_not_panic(value in json_value()) {
        if let Err(invalid) = parse(&value) {
            prop_assert!(!invalid.problem.is_empty() && invalid.to_string().len() < 4096);
            prop_assert!(!invalid.to_string().contains(char::is_control), "{invalid}");
        }
    }

    #[test]
    fn a_valid_body_reads_the_same_again_and_as_a_string(value in body()) {
        match parse(&value) {
            Ok(step) => {
                prop_assert_eq!(&parse(&value).unwrap(), &step);
                let Step::Steps(again) = parse(&json!(value.to_string())).unwrap() else { panic!("steps") };
                let Step::Steps(steps) = step else { panic!("steps") };
                prop_assert_eq!(again.entries, steps.entries);
            }
            Err(invalid) => prop_assert!(!invalid.to_string().contains(char::is_control), "{invalid}"),
        }
    }
}
