use serde_json::json;

use super::*;

fn user_objects(objects: Value) -> UserObjects {
    let spec = |object: &Value| object.clone();
    let objects = objects.as_array().into_iter().flatten();
    let objects = objects.map(|object| UserObject {
        kind: "WorkflowTemplate",
        name: object["name"].as_str().unwrap_or_default().to_owned(),
        spec: spec(&object["spec"]),
    });
    UserObjects { objects: objects.collect(), ..UserObjects::default() }
}

fn said(spec: Value) -> String {
    user_objects(json!([{"name": "x", "spec": spec}]))
        .forms()
        .iter()
        .map(|finding| format!("{finding}\n"))
        .collect()
}

#[test]
fn a_plugin_that_ends_the_controller_is_named_with_its_object() {
    let bad = json!({"buildkit": null, "build": {}});
    let rows = [
        (
            json!([{"name": "main", "plugin": bad}]),
            "WorkflowTemplate x (template main: `build` and `buildkit` without a value",
        ),
        (
            json!([{"name": "main", "plugin": {"buildkit": null}}]),
            "`buildkit` without a value under `plugin`",
        ),
        (json!([{"name": "main", "plugin": {}}]), "nothing under `plugin`"),
        (json!([{"name": "all", "steps": [[{"inline": {"plugin": bad}}]]}]), "template all: "),
        (json!([{"name": "all", "dag": {"tasks": [{"inline": {"plugin": bad}}]}}]), "template all: "),
    ];
    for (templates, expected) in rows {
        let said = said(json!({"templates": templates}));
        assert!(said.starts_with("FAIL form of plugin: ") && said.contains(expected), "{said}");
    }
    let defaults = said(json!({"templateDefaults": {"plugin": bad}}));
    assert!(defaults.contains("template templateDefaults: "), "{defaults}");
    let good = json!([{"name": "a", "plugin": {"buildkit": {}}}, {"name": "b", "plugin": {"slack": {}}}, {"name": "c"}]);
    assert_eq!(said(json!({"templates": good})), "");
}

#[test]
fn braces_without_an_end_are_found_in_every_parameter() {
    for (text, open) in
        [("{{", true), ("a {{b}} {{ c", true), ("{{a}}", false), ("}} {", false), ("{ {x} }", false)]
    {
        assert_eq!(is_open(text), open, "{text}");
    }
    let parameter = |key: &str| json!({"parameters": [{"name": "message", key: "fix {{ x"}]});
    let specs = [
        json!({"arguments": parameter("value")}),
        json!({"templates": [{"name": "a", "inputs": parameter("default")}]}),
        json!({"templates": [{"name": "a", "steps": [[{"arguments": parameter("value")}]]}]}),
        json!({"templates": [{"name": "a", "dag": {"tasks": [{"arguments": parameter("value")}]}}]}),
    ];
    for spec in specs {
        let said = said(spec);
        assert!(
            said.starts_with(
                "FAIL braces in parameters: WorkflowTemplate x (parameter message) has a `{{` without a `}}`"
            ),
            "{said}"
        );
    }
}

#[test]
fn fields_that_argo_does_not_heed_are_named_where_they_stand() {
    let plugin = json!({"name": "build", "plugin": {"buildkit": {}}});
    let calls = |more: Value| {
        let mut main = json!({"name": "main", "steps": [[{"name": "a", "template": "build"}]]});
        main["parallelism"] = more["parallelism"].clone();
        main["failFast"] = more["failFast"].clone();
        json!({"templates": [plugin, main]})
    };
    let mut memoized = plugin.clone();
    memoized["memoize"] = json!({"key": "x"});
    let rows = [
        (calls(json!({"parallelism": 1})), "(parallelism of template main)"),
        (calls(json!({"failFast": true})), "(failFast of template main)"),
        (json!({"parallelism": 2, "templates": [plugin]}), "(parallelism of the workflow)"),
        (json!({"templates": [memoized]}), "(memoize of template build)"),
    ];
    for (spec, expected) in rows {
        let said = said(spec);
        assert!(said.starts_with("warn fields without effect: ") && said.contains(expected), "{said}");
    }
    assert_eq!(said(calls(json!({}))), "");
    let pods = json!({"parallelism": 2, "templates": [{"name": "a", "container": {}, "memoize": {}}]});
    assert_eq!(said(pods), "", "Argo keeps them for pods");
}

#[test]
fn a_template_of_another_object_counts_as_its_own() {
    let build =
        json!({"name": "build-push", "spec": {"templates": [{"name": "build", "plugin": {"buildkit": {}}}]}});
    let step = json!({"name": "a", "templateRef": {"name": "build-push", "template": "build"}});
    let nightly = json!({"name": "nightly", "spec": {"templates": [{"name": "main", "parallelism": 1, "steps": [[step]]}]}});
    let called =
        json!({"name": "called", "spec": {"parallelism": 1, "workflowTemplateRef": {"name": "build-push"}}});
    let found = user_objects(json!([build, nightly, called])).forms();
    let said: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(
        said.len() == 1
            && said[0].contains("WorkflowTemplate nightly (")
            && said[0].contains("WorkflowTemplate called ("),
        "{said:?}"
    );
}
