//! Whole files: those that this repository ships, and others.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::validator;

const STEPS: &str = include_str!("../../../docs/steps.md");

/// It takes seconds to make one.
static SCHEMA: LazyLock<Validator> = LazyLock::new(|| validator(&crate::schema::workflow()));

fn accepts(workflow: &Value) -> bool {
    SCHEMA.is_valid(workflow)
}

fn workflow(template: &Value) -> Value {
    json!({"kind": "Workflow", "spec": {"templates": [template]}})
}

fn step(body: &Value) -> Value {
    workflow(&json!({"name": "a", "plugin": {"buildkit": body}}))
}

#[test]
fn the_bundled_templates_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflow-templates");
    let mut steps = 0;
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        for document in documents {
            steps += document.to_string().matches("\"buildkit\":").count();
            let wrong: Vec<_> =
                SCHEMA.iter_errors(&document).map(|e| format!("{} {e}", e.instance_path())).collect();
            assert!(wrong.is_empty(), "{wrong:#?}");
        }
    }
    assert!(steps >= 3, "{steps}");
}

#[test]
fn examples_of_the_documentation_are_valid_templates() {
    let blocks = STEPS.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let templates = blocks.map(|(block, _)| serde_saphyr::from_str::<Value>(block).unwrap());
    let templates: Vec<_> = templates.filter(|template| template.get("plugin").is_some()).collect();
    assert!(templates.len() > 4);
    templates.iter().for_each(|template| assert!(accepts(&workflow(template)), "{template}"));
}

#[test]
fn an_expression_stands_where_a_string_may() {
    let context = json!("{{inputs.parameters.repo}}");
    let schema = validator(&crate::schema::step());
    for (field, value) in [
        ("push", "{{x}}"),
        ("tags", "{{x}}"),
        ("network", "{{x}}"),
        ("cache", "{{x}}"),
        ("source-date-epoch", "{{=1+1}}"),
    ] {
        assert!(
            accepts(&step(&json!({"build": {"context": context, "tags": "a", field: value}}))),
            "{field}"
        );
        let alone = json!({"build": {"context": "https://git.example/a", "tags": "a", field: value}});
        assert!(!schema.is_valid(&alone), "{field}");
    }
    assert!(!accepts(&step(&json!({"build": {"context": context, "tags": "a", "push": "perhaps"}}))));
}

#[test]
fn steps_are_found_wherever_argo_takes_a_template() {
    let bad = json!({"plugin": {"buildkit": {"bulid": {}}}});
    for workflow in [
        workflow(&bad),
        workflow(&json!({"dag": {"tasks": [{"name": "a", "inline": bad}]}})),
        workflow(&json!({"steps": [[{"name": "a", "inline": bad}]]})),
        json!({"kind": "Workflow", "spec": {"templateDefaults": bad}}),
        json!({"kind": "CronWorkflow", "spec": {"workflowSpec": {"templates": [bad]}}}),
    ] {
        assert!(!accepts(&workflow), "{workflow}");
    }
    assert!(accepts(&workflow(&json!({"container": {"image": "a"}, "plugin": {"other": 1}}))));
}
