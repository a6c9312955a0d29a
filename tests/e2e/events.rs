//! From a push to a commit in the GitOps repository: hooks of the cluster's Gitea, the real EventSource, bus and Sensor, with the
//! commands of docs/events.md.

mod catalogue;
pub(crate) mod hooks;
pub(crate) mod pushes;
pub(crate) mod site;

use std::time::Instant;

use serde_json::Value;

use crate::cluster::{PATIENCE, eventually, kubectl, list};
use crate::workflow::{BUILDS, Workflow};

/// The Workflows whose parameter `repo` ends in `/FULL_NAME.git`, oldest first.
fn workflows_of(full_name: &str) -> Vec<Value> {
    let ends = format!("/{full_name}.git");
    let is_it = |w: &Value| parameter(w, "repo").ends_with(&ends);
    let mut found: Vec<_> =
        list(BUILDS, "workflow", "argo-buildkit.io/service").into_iter().filter(is_it).collect();
    found.sort_by_key(|w| w["metadata"]["creationTimestamp"].to_string());
    found
}

/// Waits for the Workflow of a commit of `main`, or with another word between the service and the commit.
pub(crate) fn workflow_of(full_name: &str, commit: &str, began: Instant) -> Workflow {
    let end = format!("-{}", &commit[..12]);
    let is_it = |w: &Value| w["metadata"]["name"].as_str().is_some_and(|name| name.ends_with(&end));
    let find = || workflows_of(full_name).into_iter().find(is_it);
    let found =
        eventually(|| format!("a workflow of {commit} of {full_name}\n{}", sensor_log()), PATIENCE, find);
    println!("{:.2?} after the push of {full_name}: {}", began.elapsed(), found["metadata"]["name"]);
    Workflow {
        namespace: BUILDS.to_owned(),
        name: found["metadata"]["name"].as_str().unwrap().to_owned(),
        began,
    }
}

/// A parameter of a Workflow; empty if it has none of the name.
pub(crate) fn parameter(workflow: &Value, name: &str) -> String {
    let parameters = workflow["spec"]["arguments"]["parameters"].as_array().cloned().unwrap_or_default();
    let found = parameters.into_iter().find(|p| p["name"] == name);
    found.and_then(|p| p["value"].as_str().map(str::to_owned)).unwrap_or_default()
}

/// The log of the Sensor.
fn sensor_log() -> String {
    kubectl(&["logs", "-n", BUILDS, "-l", "sensor-name=push", "--tail=-1"])
}

/// Waits until the Sensor's log gives `reason` for an event whose data contains `needle`.
fn ignored(reason: &str, needle: &str) {
    let says = |line: &str| line.contains(&format!("\"triggerName\":\"{reason}\"")) && line.contains(needle);
    let found = || sensor_log().lines().any(says).then_some(());
    eventually(|| format!("`{reason}` of {needle}"), PATIENCE, found);
}
