//! Parser and schema take and refuse the same.
#![expect(clippy::unwrap_used, reason = "tests")]

mod beyond;
mod both;
mod catalogues;
mod mutants;
mod policies;
mod workflows;

use jsonschema::Validator;
use serde_json::Value;

/// A validator of draft 2020-12. It never uses the network: the crate is built without that.
fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::meta::validate(schema).unwrap();
    jsonschema::draft202012::new(schema).unwrap()
}

/// The schema as text, without descriptions: they are sentences of docs/steps.md, which may change alone.
fn printed(mut schema: Value) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|name, value| name != "description" || !value.is_string());
                map.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut schema);
    serde_json::to_string_pretty(&schema).unwrap()
}

#[test]
fn schemas_are_printed_as_before() {
    // The definitions of entries are those of steps, with other strings.
    let mut step = super::step();
    step["$defs"].as_object_mut().unwrap().retain(|name, _| !name.ends_with("-entry"));
    insta::assert_snapshot!("step", printed(step));
    insta::assert_snapshot!("policy", printed(super::policy()));
    // The definitions are those of a step, with other strings.
    let mut workflow = super::workflow();
    workflow["$defs"]
        .as_object_mut()
        .unwrap()
        .retain(|name, _| matches!(name.as_str(), "spec" | "template" | "step" | "supersede"));
    insta::assert_snapshot!("workflow", printed(workflow));
}
