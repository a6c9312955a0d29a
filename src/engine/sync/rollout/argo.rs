//! How far a Rollout of Argo Rollouts is. Its controller decides that itself, in `status.phase` (argo-rollouts
//! `utils/rollout/rolloututil.go`); `kubectl argo rollouts status` and Argo CD show the same.

use serde_json::Value;

use super::{RolloutState, count, said, wanted};

/// The annotation with the generation of the workload in `workloadRef`, whose pod template the Rollout takes.
pub(in crate::engine::sync) const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";

/// The command that continues a Rollout, for messages.
const PROMOTE: &str = "`kubectl argo rollouts promote`";

pub(super) fn state(object: &Value) -> RolloutState {
    let status = &object["status"];
    if !is_observed(object) {
        return RolloutState::Waiting(super::UNSEEN.to_owned());
    }
    // Both are in the status, so no generation tells that the controller has not seen it yet.
    if status["controllerPause"] == true && items(&status["pauseConditions"]).is_empty() {
        return RolloutState::Waiting("somebody has continued it, and its controller begins".to_owned());
    }
    match status["phase"].as_str().unwrap_or_default() {
        "Healthy" if is_promoted(object) => RolloutState::Complete { is_scaling: false },
        "Degraded" => RolloutState::Failed(failure(status)),
        "Paused" => paused(object),
        "" => RolloutState::Waiting(
            "its controller writes no `status.phase`; use Argo Rollouts 1.0 or later".into(),
        ),
        _ if is_scaling(object) => RolloutState::Complete { is_scaling: true },
        _ => RolloutState::Waiting(progress(object)),
    }
}

/// Why the images of its pods cannot be seen; `None` if they can.
pub(in crate::engine::sync) fn hidden_template(object: &Value) -> Option<String> {
    let of = &object["spec"]["workloadRef"];
    of.is_object().then(|| {
        format!(
            "it takes its pod template from {} `{}` (`workloadRef`), where the step does not look for images; wait for its Argo CD \
             Application in `applications`, or write `images: []` for this workload",
            said(&of["kind"]),
            said(&of["name"])
        )
    })
}

/// Whether the controller has seen the newest change. Unlike in other workloads, the generation is a string.
fn is_observed(object: &Value) -> bool {
    let observed = object["status"]["observedGeneration"].as_str().unwrap_or_default();
    let generation = object["metadata"]["generation"].as_i64();
    let is_new = |observed: i64| generation.is_none_or(|generation| observed >= generation);
    // Before 0.10 it was a hash.
    !observed.is_empty() && observed.parse().map_or(true, is_new) && is_template_observed(object)
}

fn is_template_observed(object: &Value) -> bool {
    let generation = object["metadata"]["annotations"][WORKLOAD_GENERATION].as_str();
    let observed = object["status"]["workloadObservedGeneration"].as_str();
    match (generation, observed) {
        (Some(generation), Some(observed)) => generation == observed,
        _ => true,
    }
}

/// Whether the new pods are the stable ones, and get the traffic.
fn is_promoted(object: &Value) -> bool {
    let status = &object["status"];
    let current = status["currentPodHash"].as_str().unwrap_or_default();
    !current.is_empty() && status["stableRS"] == current && is_active(object, current)
}

/// Whether the Service of a blue-green Rollout has the pods with this hash. A canary has no such Service.
fn is_active(object: &Value, hash: &str) -> bool {
    !object["spec"]["strategy"]["blueGreen"].is_object()
        || object["status"]["blueGreen"]["activeSelector"] == hash
}

/// Whether the rollout has ended, and only the number of pods changes.
fn is_scaling(object: &Value) -> bool {
    let status = &object["status"];
    let [updated, all, available] =
        ["updatedReplicas", "replicas", "availableReplicas"].map(|name| count(&status[name]));
    is_promoted(object) && all == updated && available > 0
}

/// A pause. One that ends by itself is no more than waiting.
fn paused(object: &Value) -> RolloutState {
    let (spec, status) = (&object["spec"], &object["status"]);
    if spec["paused"] == true {
        return RolloutState::Held(format!("it is paused by `spec.paused`; {PROMOTE} continues it"));
    }
    match status["pauseConditions"][0]["reason"].as_str().unwrap_or_default() {
        "CanaryPauseStep" => paused_canary(object),
        "BlueGreenPause" => paused_blue_green(&spec["strategy"]["blueGreen"]),
        reason @ ("InconclusiveAnalysisRun" | "InconclusiveExperiment") => RolloutState::Held(format!(
            "it is paused ({reason}): its measurements do not say whether the new pods are good{}; look at them, then {PROMOTE} \
             continues it, and `kubectl argo rollouts abort` ends it",
            analysis(status, &["Inconclusive"]).map(|found| format!(" ({found})")).unwrap_or_default()
        )),
        _ => {
            RolloutState::Held(format!("it is paused: {}; {PROMOTE} continues it", said(&status["message"])))
        }
    }
}

fn paused_canary(object: &Value) -> RolloutState {
    let steps = items(&object["spec"]["strategy"]["canary"]["steps"]);
    let at = step(object).map(|step| format!(" at {step}")).unwrap_or_default();
    let index = usize::try_from(count(&object["status"]["currentStepIndex"])).unwrap_or_default();
    let duration = steps.get(index).map_or(&Value::Null, |step| &step["pause"]["duration"]);
    match duration {
        Value::String(text) if !text.is_empty() => {
            RolloutState::Waiting(format!("its canary pauses{at} for {}", said(duration)))
        }
        Value::Number(seconds) => RolloutState::Waiting(format!("its canary pauses{at} for {seconds} s")),
        _ => RolloutState::Held(format!("its canary waits{at} until somebody continues it; {PROMOTE} does")),
    }
}

fn paused_blue_green(strategy: &Value) -> RolloutState {
    match count(&strategy["autoPromotionSeconds"]) {
        0 => RolloutState::Held(format!(
            "its new pods get no traffic until somebody promotes them; {PROMOTE} does"
        )),
        seconds => RolloutState::Waiting(format!("its new pods are promoted after {seconds} s")),
    }
}

/// Why its controller has given up, and what to do.
fn failure(status: &Value) -> String {
    let of = |kind: &str| items(&status["conditions"]).iter().find(|condition| condition["type"] == kind);
    if let Some(invalid) = of("InvalidSpec") {
        return format!("its spec is invalid: {}; correct it", said(&invalid["message"]));
    }
    let progressing = of("Progressing").unwrap_or(&Value::Null);
    let message = said(&progressing["message"]);
    match progressing["reason"].as_str().unwrap_or_default() {
        "RolloutAborted" => aborted(status, message),
        _ if status["abort"] == true => aborted(status, message),
        "ProgressDeadlineExceeded" => format!(
            "its new pods were not ready within `progressDeadlineSeconds`: {message}; look at their events and logs"
        ),
        _ => format!("{}; look at its conditions", said(&status["message"])),
    }
}

fn aborted(status: &Value, message: String) -> String {
    let why = analysis(status, &["Failed", "Error"]).unwrap_or(message);
    format!(
        "it was aborted, and the old pods serve: {why}; commit a correction, or try the same once more by `kubectl argo rollouts \
         retry rollout`"
    )
}

/// What goes on between two pauses.
fn progress(object: &Value) -> String {
    let status = &object["status"];
    let running = analysis(status, &["Running", "Pending"]);
    let [updated, available] = ["updatedReplicas", "availableReplicas"].map(|name| count(&status[name]));
    let current = status["currentPodHash"].as_str().unwrap_or_default();
    let are_ready = updated >= wanted(object) && available >= updated;
    let what = match running {
        Some(running) => running,
        None if are_ready && !is_active(object, current) => {
            "its active Service does not have the new pods yet".to_owned()
        }
        None => match said(&status["message"]).as_str() {
            "" => format!("{updated} of {} new pods are made", wanted(object)),
            message => message.to_owned(),
        },
    };
    step(object).map(|step| format!("{what} ({step})")).unwrap_or(what)
}

/// The place in the steps of a canary; `None` without steps, or after the last.
fn step(object: &Value) -> Option<String> {
    let steps = items(&object["spec"]["strategy"]["canary"]["steps"]).len();
    let index = usize::try_from(object["status"]["currentStepIndex"].as_i64()?).ok()?;
    (index < steps).then(|| format!("step {} of {steps}", index + 1))
}

/// The first AnalysisRun with one of these results, and what its measurements say.
fn analysis(status: &Value, results: &[&str]) -> Option<String> {
    let (canary, blue_green) = (&status["canary"], &status["blueGreen"]);
    let runs = [
        &canary["currentStepAnalysisRunStatus"],
        &canary["currentBackgroundAnalysisRunStatus"],
        &blue_green["prePromotionAnalysisRunStatus"],
        &blue_green["postPromotionAnalysisRunStatus"],
    ];
    let has_result = |run: &&&Value| run["status"].as_str().is_some_and(|result| results.contains(&result));
    runs.iter().find(has_result).map(|run| {
        let found = format!("AnalysisRun `{}` is {}", said(&run["name"]), said(&run["status"]));
        match said(&run["message"]).as_str() {
            "" => found,
            message => format!("{found}: {message}"),
        }
    })
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}
