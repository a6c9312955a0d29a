//! docs/steps.md: every example parses, every field and output is there.

use serde_json::Value;

use super::{parse, yaml};
use crate::step::{Kind, Step, build, supersede, update_manifest};

const DOCS: &str = include_str!("../../../docs/steps.md");

/// The templates in the page's ```yaml blocks.
fn templates() -> Vec<Value> {
    let blocks = DOCS.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let values = blocks.map(|(block, _)| yaml(block));
    let listed = values.flat_map(|value| match value {
        Value::Array(templates) => templates,
        template => vec![template],
    });
    listed.filter(|template| template.get("plugin").is_some()).collect()
}

fn declared(template: &Value) -> Vec<String> {
    let parameters = template["outputs"]["parameters"].as_array().cloned().unwrap_or_default();
    parameters.iter().map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_example_is_a_valid_step() {
    let steps: Vec<Step> = templates()
        .iter()
        .map(|template| {
            let step = parse(&template["plugin"]["buildkit"])
                .unwrap_or_else(|invalid| panic!("{invalid}\n{template}"));
            step.check_declared(&declared(template)).unwrap();
            step
        })
        .collect();
    for kind in Kind::ALL {
        assert!(steps.iter().any(|step| step.kind() == kind), "no example of {kind}");
    }
}

#[test]
fn every_field_and_output_is_described() {
    let described = |name: &&str| DOCS.lines().any(|line| line.starts_with(&format!("| `{name}")));
    let names = [
        build::FIELDS,
        update_manifest::FIELDS,
        supersede::FIELDS,
        build::OUTPUTS,
        update_manifest::OUTPUTS,
        supersede::OUTPUTS,
    ]
    .concat();
    let missing: Vec<_> = names.iter().filter(|name| !described(name)).collect();
    assert!(missing.is_empty(), "docs/steps.md does not describe {missing:?}");
}
