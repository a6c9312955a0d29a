//! The builds of a workflow, from the outputs in its status.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kube::packed_nodes;
use crate::text;

/// The longest name of a node, in bytes.
const NAME: usize = 200;

/// A build that a node of a workflow has reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowBuild {
    /// The node, and the step in it if it has several: `shop-x7k2p(0)/build`.
    pub name: String,
    /// The reference of the image, or of the log if the build failed.
    pub reference: String,
}

/// The builds that the status of `workflow`, a Workflow as JSON, tells of. Argo compresses the nodes of a large workflow.
pub fn builds_of(workflow: &Value) -> Vec<WorkflowBuild> {
    let status = &workflow["status"];
    let packed = status["compressedNodes"].as_str().filter(|packed| !packed.is_empty());
    let unpacked: Option<Value> = packed.and_then(|packed| packed_nodes(packed).ok());
    let nodes = unpacked.as_ref().unwrap_or(&status["nodes"]).as_object();
    let mut builds: Vec<_> = nodes.into_iter().flatten().flat_map(|(_, node)| builds_in(node)).collect();
    builds.sort_by(|one, other| one.name.cmp(&other.name));
    builds
}

/// The builds of a node: its outputs are `image` and `log`, or `STEP-image` and `STEP-log`.
fn builds_in(node: &Value) -> Vec<WorkflowBuild> {
    let parameters = node["outputs"]["parameters"].as_array().into_iter().flatten();
    let mut found: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for parameter in parameters {
        let (Some(name), Some(value)) = (parameter["name"].as_str(), parameter["value"].as_str()) else {
            continue;
        };
        let value = Some(value).filter(|value| !value.is_empty());
        if let Some(step) = step_of(name, "image") {
            found.entry(step).or_default().0 = value;
        } else if let Some(step) = step_of(name, "log") {
            found.entry(step).or_default().1 = value;
        }
    }
    // A build whose steps were all cached has no log; the image then leads to that of the build that ran them. One that failed has
    // only a log.
    let shown = text::brief(node["name"].as_str().unwrap_or_default(), NAME);
    let build = |(step, (image, log)): (&str, (Option<&str>, Option<&str>))| {
        let name = if step.is_empty() { shown.clone() } else { format!("{shown}/{}", text::line(step)) };
        Some(WorkflowBuild { name, reference: log.or(image)?.to_owned() })
    };
    found.into_iter().filter_map(build).collect()
}

/// The step whose output `output` has the name `name`; empty for a node with one step.
fn step_of<'n>(name: &'n str, output: &str) -> Option<&'n str> {
    let step = name.strip_suffix(output)?;
    if step.is_empty() { Some(step) } else { step.strip_suffix('-') }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kube::pack_nodes;

    fn nodes() -> Value {
        let parameter = |name: &str, value: &str| json!({"name": name, "value": value});
        json!({
            "w-2": {"name": "w.failed", "outputs": {"parameters": [parameter("build-log", "r/a@sha256:1")]}},
            "w-1": {"name": "w.built", "outputs": {"parameters": [
                parameter("digest", "sha256:2"), parameter("image", "r/a@sha256:2"), parameter("log", ""),
            ]}},
            "w": {"name": "w", "outputs": {"parameters": [{"name": "catalog", "value": 1}]}},
            "odd": 1,
        })
    }

    #[test]
    fn builds_are_found_by_their_outputs() {
        let build = |name: &str, reference: &str| WorkflowBuild {
            name: name.to_owned(),
            reference: reference.to_owned(),
        };
        let expected = [build("w.built", "r/a@sha256:2"), build("w.failed/build", "r/a@sha256:1")];
        assert_eq!(builds_of(&json!({"status": {"nodes": nodes()}})), expected);
        let packed = pack_nodes(nodes().to_string().as_bytes());
        assert_eq!(builds_of(&json!({"status": {"compressedNodes": packed}})), expected);
        assert!(builds_of(&json!({})).is_empty());
    }
}
