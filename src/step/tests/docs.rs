//! docs/steps.md: every example parses, every field and output is there.

use serde_json::Value;

use super::{parse, yaml};
use crate::step::{Kind, Step};

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
    for &kind in Kind::ALL {
        assert!(steps.iter().any(|step| step.kind() == kind), "no example of {kind}");
    }
}

/// The section of the page about a kind.
fn section(kind: Kind) -> &'static str {
    let (_, part) = DOCS.split_once(&format!("\n## {kind}\n")).unwrap_or_else(|| panic!("no part on {kind}"));
    part.split("\n## ").next().unwrap()
}

#[test]
fn every_kind_has_a_part_that_describes_its_fields_and_outputs() {
    for &kind in Kind::ALL {
        assert!(DOCS.contains(&format!("\n| [`{kind}`](#")), "{kind} is not in the list of kinds");
        let described =
            |name: &&str| section(kind).lines().any(|line| line.starts_with(&format!("| `{name}")));
        let outputs = kind.spec().outputs.iter().map(|output| output.name);
        let names = kind.spec().fields().chain(outputs);
        let missing: Vec<_> = names.filter(|name| !described(name)).collect();
        assert!(missing.is_empty(), "docs/steps.md does not describe {missing:?} of {kind}");
    }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] =
    &[every_example_is_a_valid_step, every_kind_has_a_part_that_describes_its_fields_and_outputs];
