//! The schema of a Workflow's file. It describes the plugin's steps in it, and lets everything else pass.

use serde_json::{Value, json};

use super::step::{body, defs};
use super::text::StepPlace;
use super::whole;

/// The schema of a Workflow, a WorkflowTemplate, a ClusterWorkflowTemplate or a CronWorkflow.
#[must_use]
pub fn workflow() -> Value {
    let mut defs = defs(StepPlace::File);
    defs["step"] = body(StepPlace::File);
    defs["template"] = template();
    defs["spec"] = spec();
    whole(
        "A Workflow with steps of argo-buildkit",
        json!({
            "properties": {
                "spec": {
                    "allOf": [{"$ref": "#/$defs/spec"}],
                    // A CronWorkflow.
                    "properties": {"workflowSpec": {"$ref": "#/$defs/spec"}},
                },
            },
            "$defs": defs,
        }),
    )
}

/// A workflow's `spec`.
fn spec() -> Value {
    let template = || json!({"$ref": "#/$defs/template"});
    json!({"properties": {"templates": {"items": template()}, "templateDefaults": template()}})
}

/// A template, with the templates that stand in its `dag` and `steps`.
fn template() -> Value {
    let inline = json!({"properties": {"inline": {"$ref": "#/$defs/template"}}});
    json!({
        "properties": {
            "plugin": {"properties": {"buildkit": {"$ref": "#/$defs/step"}}},
            "dag": {"properties": {"tasks": {"items": inline}}},
            "steps": {"items": {"items": inline}},
        },
    })
}
