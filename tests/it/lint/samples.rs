//! Expressions whose values nobody knows are no mistakes, wherever they are.

use serde_json::{Value, json};

use super::{blocks, checked};

/// A template of the documentation in a WorkflowTemplate; any other text as it is.
pub(super) fn as_object(block: &str) -> String {
    if block.contains("apiVersion:") {
        return block.to_owned();
    }
    let read: Value = serde_saphyr::from_str(block).unwrap();
    let mut template = match read {
        Value::Array(mut templates) => templates.remove(0),
        template => template,
    };
    template["name"] = template.get("name").cloned().unwrap_or(json!("main"));
    object(&template).to_string()
}

fn object(template: &Value) -> Value {
    let spec = json!({"entrypoint": template["name"], "templates": [template]});
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": "x"}, "spec": spec})
}

/// The JSON pointers of all values below `value` that are no maps.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            leaves(value, &format!("{pointer}/{key}"), found);
        }),
        other => {
            if let Value::Array(items) = other {
                items.iter().enumerate().for_each(|(n, item)| leaves(item, &format!("{pointer}/{n}"), found));
            }
            found.push(pointer.to_owned());
        }
    }
}

#[test]
fn an_expression_in_place_of_any_value_is_no_mistake() {
    let mut tried = 0;
    for block in blocks("docs/steps.md", "yaml").iter().filter(|block| block.contains("plugin:")) {
        let object: Value = serde_json::from_str(&as_object(block)).unwrap();
        let mut found = Vec::new();
        leaves(&object["spec"]["templates"][0]["plugin"]["buildkit"], "", &mut found);
        for pointer in found {
            for text in ["{{workflow.name}}", "{{=workflow.name + 'x'}}{{workflow.uid}}"] {
                let mut object = object.clone();
                let place = format!("/spec/templates/0/plugin/buildkit{pointer}");
                *object.pointer_mut(&place).unwrap() = json!(text);
                let report = checked("x.yaml", &object.to_string());
                assert_eq!(report.findings, [], "{text} at {pointer} of {block}");
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn a_mistake_is_found_beside_any_expression() {
    let block =
        blocks("docs/steps.md", "yaml").into_iter().find(|block| block.contains("registry-secret")).unwrap();
    let mut object: Value = serde_json::from_str(&as_object(&block)).unwrap();
    object["spec"]["templates"][0]["plugin"]["buildkit"]["build"]["push"] = json!("maybe");
    let mut found = Vec::new();
    leaves(&object["spec"]["templates"][0]["plugin"]["buildkit"], "", &mut found);
    for pointer in found.iter().filter(|pointer| *pointer != "/build/push") {
        let mut object = object.clone();
        let place = format!("/spec/templates/0/plugin/buildkit{pointer}");
        *object.pointer_mut(&place).unwrap() = json!("{{workflow.name}}");
        let report = checked("x.yaml", &object.to_string());
        let problems: Vec<_> = report.findings.iter().map(|finding| &*finding.problem).collect();
        assert_eq!(problems, ["build.push: expected true or false, got \"maybe\""], "{pointer}");
    }
}
