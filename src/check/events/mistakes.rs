//! Mistakes in the objects of the cluster that their controllers do not report: the rules of `lint`.

use serde_json::{Value, json};

use super::super::Finding;
use super::FrontHalf;
use crate::lint::{DiagnosticLevel, LintInput, lint};

/// The findings of `lint` about the objects of Argo Events, and about the Workflows inside them.
pub(super) fn judge(front: &FrontHalf, templates: &[Value], namespace: &str) -> Vec<Finding> {
    let own: Vec<_> = front.buses.iter().chain(&front.sources).chain(&front.sensors).map(bare).collect();
    // The templates come last, so that the numbers of the objects tell which findings are about them.
    let items: Vec<_> = own.iter().cloned().chain(templates.iter().map(bare)).collect();
    let Ok(bytes) = serde_json::to_vec(&json!({"apiVersion": "v1", "kind": "List", "items": items})) else {
        return Vec::new();
    };
    let report = lint(&[LintInput { name: "cluster".to_owned(), bytes, is_named: true }]);
    let ours = report.findings.into_iter().filter(|finding| !finding.object.starts_with("WorkflowTemplate "));
    let found = ours.map(|finding| {
        let subject = format!("mistake in namespace {namespace}");
        let text = match finding.help.as_str() {
            "" => format!("{}: {}", finding.object, finding.problem),
            help => format!("{}: {}; {help}", finding.object, finding.problem),
        };
        match finding.severity {
            DiagnosticLevel::Error => Finding::fail(subject, text),
            DiagnosticLevel::Warning => Finding::warn(subject, text),
        }
    });
    found.collect()
}

/// An object as its author wrote it.
fn bare(object: &Value) -> Value {
    let mut bare = object.clone();
    if let Some(map) = bare.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = bare["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    bare
}
