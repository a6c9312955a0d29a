//! Whether a workload has been rolled out, from its JSON: what `kubectl rollout status` asks.
//!
//! One thing differs: a rollout that has ended stays complete while an autoscaler changes the number of pods.

mod argo;

use serde_json::Value;

use crate::argocd::is_image;
use crate::oci::ImageRef;
use crate::step::sync::WorkloadKind;
use crate::text;

pub(super) use argo::{WORKLOAD_GENERATION, hidden_template};

/// The most bytes of a controller's message.
const LONGEST: usize = 500;

const UNSEEN: &str = "its controller has not seen the change yet";

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RolloutState {
    /// Every pod is new.
    Complete {
        /// Whether pods are still being added or removed, by an autoscaler for example.
        is_scaling: bool,
    },
    /// Not yet, and why.
    Waiting(String),
    /// A person must continue it, and how.
    Held(String),
    /// Its controller has given up, and why.
    Failed(String),
}

/// The state of a workload.
pub(super) fn state(kind: WorkloadKind, object: &Value) -> RolloutState {
    match kind {
        WorkloadKind::Rollout => argo::state(object),
        _ if !is_observed(object) => RolloutState::Waiting(UNSEEN.to_owned()),
        WorkloadKind::Deployment => deployment(object),
        WorkloadKind::StatefulSet => stateful_set(object),
        WorkloadKind::DaemonSet => daemon_set(object),
    }
}

/// The wanted image that no container of the workload has; `None` if each has one.
pub(super) fn missing_image<'a>(object: &Value, images: &'a [ImageRef]) -> Option<&'a ImageRef> {
    let spec = &object["spec"]["template"]["spec"];
    let named =
        |list: &str| spec[list].as_array().into_iter().flatten().filter_map(|each| each["image"].as_str());
    let all: Vec<&str> = ["containers", "initContainers"].into_iter().flat_map(named).collect();
    images.iter().find(|wanted| !all.iter().any(|image| is_image(image, wanted)))
}

/// The labels of its pods, in the form of `kubectl`; `None` without plain ones.
pub(super) fn selector(object: &Value) -> Option<String> {
    let labels = object["spec"]["selector"]["matchLabels"].as_object()?;
    let pairs = labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    Some(pairs.collect::<Vec<_>>().join(",")).filter(|selector| !selector.is_empty())
}

/// Whether the controller has seen the newest change.
fn is_observed(object: &Value) -> bool {
    let observed = object["status"]["observedGeneration"].as_i64();
    let generation = object["metadata"]["generation"].as_i64();
    generation.is_none_or(|generation| observed.is_some_and(|observed| observed >= generation))
}

fn count(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn wanted(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

fn deployment(object: &Value) -> RolloutState {
    let (status, wanted) = (&object["status"], wanted(object));
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let progressing = conditions.find(|condition| condition["type"] == "Progressing");
    let reason = progressing.and_then(|condition| condition["reason"].as_str()).unwrap_or_default();
    if reason == "ProgressDeadlineExceeded" {
        let message = progressing.map(|condition| said(&condition["message"])).unwrap_or_default();
        return RolloutState::Failed(message);
    }
    let [updated, all, available] =
        ["updatedReplicas", "replicas", "availableReplicas"].map(|name| count(&status[name]));
    let is_settled = updated >= wanted && all <= updated && available >= updated;
    if is_settled {
        return RolloutState::Complete { is_scaling: false };
    }
    // The controller sets this reason when a rollout ends, and keeps it until the next one. Then all pods are new.
    if reason == "NewReplicaSetAvailable" && all == updated && available > 0 {
        return RolloutState::Complete { is_scaling: true };
    }
    RolloutState::Waiting(if object["spec"]["paused"] == true {
        "it is paused".to_owned()
    } else if updated < wanted {
        format!("{updated} of {wanted} new pods are made")
    } else if all > updated {
        format!("{} old pods end", all - updated)
    } else {
        format!("{available} of {updated} new pods are available")
    })
}

fn stateful_set(object: &Value) -> RolloutState {
    let (spec, status, wanted) = (&object["spec"], &object["status"], wanted(object));
    if let Some(by_hand) = by_hand(object) {
        return by_hand;
    }
    let kept = count(&spec["updateStrategy"]["rollingUpdate"]["partition"]);
    let [updated, ready] = ["updatedReplicas", "readyReplicas"].map(|name| count(&status[name]));
    let is_other = status["currentRevision"] != status["updateRevision"];
    if ready < wanted {
        RolloutState::Waiting(format!("{ready} of {wanted} pods are ready"))
    } else if kept > 0 && updated < wanted - kept {
        RolloutState::Waiting(format!("{updated} of {} new pods are made", wanted - kept))
    } else if kept == 0 && is_other {
        RolloutState::Waiting(format!("{updated} of {wanted} pods are new"))
    } else {
        RolloutState::Complete { is_scaling: false }
    }
}

fn daemon_set(object: &Value) -> RolloutState {
    if let Some(by_hand) = by_hand(object) {
        return by_hand;
    }
    let status = &object["status"];
    let [wanted, updated, available] =
        ["desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"]
            .map(|name| count(&status[name]));
    if updated < wanted {
        RolloutState::Waiting(format!("{updated} of {wanted} new pods are made"))
    } else if available < wanted {
        RolloutState::Waiting(format!("{available} of {wanted} new pods are available"))
    } else {
        RolloutState::Complete { is_scaling: false }
    }
}

/// The state of a workload whose pods are replaced when somebody deletes them.
fn by_hand(object: &Value) -> Option<RolloutState> {
    let is_manual = object["spec"]["updateStrategy"]["type"] == "OnDelete";
    let why = "its `updateStrategy` is `OnDelete`, so nothing replaces its pods";
    is_manual.then(|| RolloutState::Failed(why.to_owned()))
}

fn said(value: &Value) -> String {
    text::brief(value.as_str().unwrap_or_default(), LONGEST)
}

#[cfg(test)]
mod tests;
