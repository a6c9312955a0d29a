//! docs/steps.md: a section for each kind of the table, which begins with the smallest step of that kind.

use std::collections::BTreeSet;

use argo_buildkit::step::{self, Kind};
use serde_json::Value;

use super::markdown::{rows, section};
use super::read;

fn smallest(page: &str, kind: &str) -> Value {
    let section = section(page, &format!("## {kind}"));
    let (_, block) = section.split_once("```yaml\n").unwrap_or_else(|| panic!("no example of `{kind}`"));
    serde_saphyr::from_str(block.split("```").next().unwrap()).unwrap()
}

/// The value without one of its fields or items, for each of them.
fn reduced(value: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let mut without = fields.clone();
                without.remove(name);
                found.push(Value::Object(without));
                found.extend(reduced(field).into_iter().map(|smaller| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), smaller);
                    Value::Object(fields)
                }));
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                let mut without = items.clone();
                without.remove(n);
                found.push(Value::Array(without));
                found.extend(reduced(item).into_iter().map(|smaller| {
                    let mut items = items.clone();
                    items[n] = smaller;
                    Value::Array(items)
                }));
            }
        }
        _ => {}
    }
    found
}

#[test]
fn the_table_of_the_page_is_the_table_of_kinds() {
    let page = read("docs/steps.md");
    let (head, _) = page.split_once("\n## ").unwrap();
    let documented = rows(head).into_iter().map(|row| row[0].split('`').nth(1).unwrap().to_owned());
    let kinds = Kind::ALL.iter().map(|kind| kind.spec().name.to_owned());
    assert_eq!(documented.collect::<BTreeSet<_>>(), kinds.collect::<BTreeSet<_>>());
}

#[test]
fn each_kind_begins_with_its_smallest_example() {
    let page = read("docs/steps.md");
    for kind in Kind::ALL {
        let name = kind.spec().name;
        let example = smallest(&page, name);
        let step = step::parse(&example).unwrap_or_else(|invalid| panic!("{name}: {invalid}"));
        assert_eq!(step.kind(), *kind);
        // Each entry of `steps` is a step, so one may be missing.
        if *kind != Kind::Steps {
            for smaller in reduced(&example) {
                assert!(step::parse(&smaller).is_err(), "{name} is valid without a part: {smaller}");
            }
        }
    }
}
