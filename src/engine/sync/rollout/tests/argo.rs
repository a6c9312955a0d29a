//! Rollouts as the controller of Argo Rollouts writes them (argo-rollouts `pkg/kubectl-argo-rollouts/info/testdata`).

use serde_json::{Value, json};

use super::waiting;
use crate::engine::sync::rollout::{RolloutState, hidden_template, state};
use crate::step::sync::WorkloadKind;

/// A canary of five pods in its second step, with `changes` in its status.
fn canary(changes: Value) -> Value {
    let mut object = json!({
        "metadata": {"generation": 429},
        "spec": {"replicas": 5, "strategy": {"canary": {"steps": [
            {"setWeight": 20}, {"pause": {}}, {"setWeight": 40}, {"pause": {"duration": "10s"}}, {"pause": {"duration": 60}},
        ]}}},
        "status": {
            "phase": "Progressing", "message": "more replicas need to be updated", "observedGeneration": "429",
            "currentPodHash": "65fb5ffc84", "stableRS": "877894d5b", "currentStepIndex": 1, "blueGreen": {}, "canary": {},
            "replicas": 6, "updatedReplicas": 1, "availableReplicas": 6, "readyReplicas": 6,
        },
    });
    set(&mut object["status"], changes);
    object
}

/// A blue-green Rollout whose new pods are ready, with `changes` in its status.
fn blue_green(changes: Value) -> Value {
    let mut object = json!({
        "metadata": {"generation": 410},
        "spec": {"replicas": 3, "strategy": {"blueGreen": {"activeService": "active", "autoPromotionEnabled": false}}},
        "status": {
            "phase": "Progressing", "observedGeneration": "410", "canary": {},
            "blueGreen": {"activeSelector": "6cbccd9f99", "previewSelector": "74b948fccb"},
            "currentPodHash": "74b948fccb", "stableRS": "6cbccd9f99",
            "replicas": 6, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 6,
        },
    });
    set(&mut object["status"], changes);
    object
}

fn set(object: &mut Value, changes: Value) {
    for (name, value) in changes.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
}

fn of(object: &Value) -> RolloutState {
    state(WorkloadKind::Rollout, object)
}

fn paused(reason: &str, step: u64) -> Value {
    let pauses = json!([{"reason": reason, "startTime": "2026-01-01T00:00:00Z"}]);
    json!({"phase": "Paused", "message": reason, "controllerPause": true, "pauseConditions": pauses, "currentStepIndex": step})
}

fn degraded(condition: &str, reason: &str, message: &str) -> Value {
    let conditions = json!([
        {"type": "Available", "reason": "AvailableReason", "status": "True"},
        {"type": condition, "reason": reason, "status": "False", "message": message},
    ]);
    json!({"phase": "Degraded", "message": format!("{reason}: {message}"), "conditions": conditions})
}

fn text(state: RolloutState) -> String {
    match state {
        RolloutState::Waiting(text) => format!("waits: {text}"),
        RolloutState::Held(text) => format!("held: {text}"),
        RolloutState::Failed(text) => format!("failed: {text}"),
        RolloutState::Complete { is_scaling } => format!("complete, scaling: {is_scaling}"),
    }
}

#[test]
fn a_rollout_is_complete_when_it_is_healthy_and_its_new_pods_are_the_stable_ones() {
    let (done, scaling) =
        (RolloutState::Complete { is_scaling: false }, RolloutState::Complete { is_scaling: true });
    let healthy = json!({"phase": "Healthy", "message": "", "stableRS": "65fb5ffc84", "currentStepIndex": 5});
    assert_eq!(of(&canary(healthy.clone())), done);
    let other = json!({"phase": "Healthy", "message": "", "stableRS": "877894d5b"});
    assert!(matches!(of(&canary(other)), RolloutState::Waiting(_)));
    let active = json!({"activeSelector": "74b948fccb"});
    let promoted = json!({"phase": "Healthy", "stableRS": "74b948fccb", "blueGreen": active});
    assert_eq!(of(&blue_green(promoted)), done);
    let inactive = json!({"phase": "Healthy", "stableRS": "74b948fccb"});
    assert_eq!(of(&blue_green(inactive)), waiting("its active Service does not have the new pods yet"));
    // An autoscaler adds pods.
    let more = json!({"stableRS": "65fb5ffc84", "updatedReplicas": 3, "replicas": 3, "availableReplicas": 2});
    assert_eq!(of(&canary(more)), scaling);
    let first = json!({"stableRS": "", "updatedReplicas": 3, "replicas": 3, "availableReplicas": 2});
    assert!(matches!(of(&canary(first)), RolloutState::Waiting(_)));
}

#[test]
fn what_the_controller_of_rollouts_has_not_seen_is_not_judged() {
    let unseen = waiting("its controller has not seen the change yet");
    let healthy = json!({"phase": "Healthy", "stableRS": "65fb5ffc84"});
    for observed in ["428", ""] {
        let mut object = canary(healthy.clone());
        object["status"]["observedGeneration"] = json!(observed);
        assert_eq!(of(&object), unseen, "{observed}");
    }
    assert_eq!(of(&json!({"metadata": {"generation": 1}})), unseen);
    let mut by_reference = canary(healthy.clone());
    by_reference["metadata"]["annotations"] = json!({"rollout.argoproj.io/workload-generation": "7"});
    by_reference["status"]["workloadObservedGeneration"] = json!("6");
    assert_eq!(of(&by_reference), unseen);
    by_reference["status"]["workloadObservedGeneration"] = json!("7");
    assert_eq!(of(&by_reference), RolloutState::Complete { is_scaling: false });
    let mut continued = healthy;
    continued["controllerPause"] = json!(true);
    assert_eq!(of(&canary(continued)), waiting("somebody has continued it, and its controller begins"));
}

#[test]
fn each_state_says_what_it_waits_for_and_what_to_do() {
    let run = |result: &str| json!({"name": "api-2", "status": result, "message": "metric \"web\" assessed"});
    let mut by_hand = canary(json!({"phase": "Paused", "message": "manually paused"}));
    by_hand["spec"]["paused"] = json!(true);
    let mut automatic = blue_green(paused("BlueGreenPause", 0));
    automatic["spec"]["strategy"]["blueGreen"]["autoPromotionSeconds"] = json!(30);
    let mut inconclusive = paused("InconclusiveAnalysisRun", 1);
    inconclusive["canary"] = json!({"currentStepAnalysisRunStatus": run("Inconclusive")});
    let mut analysed = degraded("Progressing", "RolloutAborted", "Rollout aborted update to revision 2");
    analysed["abort"] = json!(true);
    analysed["canary"] = json!({"currentBackgroundAnalysisRunStatus": run("Failed")});
    let measuring = json!({"canary": {"currentStepAnalysisRunStatus": run("Running")}});
    let states = [
        canary(json!({})),
        canary(measuring),
        canary(json!({"phase": ""})),
        canary(paused("CanaryPauseStep", 1)),
        canary(paused("CanaryPauseStep", 3)),
        canary(paused("CanaryPauseStep", 4)),
        canary(inconclusive),
        by_hand,
        blue_green(json!({})),
        blue_green(paused("BlueGreenPause", 0)),
        automatic,
        canary(degraded("Progressing", "RolloutAborted", "Rollout aborted update to revision 2")),
        canary(analysed),
        canary(degraded(
            "Progressing",
            "ProgressDeadlineExceeded",
            "ReplicaSet \"a\" has timed out progressing.",
        )),
        canary(degraded("InvalidSpec", "InvalidSpec", "Service \"b\" not found")),
        canary(degraded("Progressing", "ReplicaSetUpdated", "odd")),
    ];
    insta::assert_snapshot!(states.iter().map(|object| text(of(object))).collect::<Vec<_>>().join("\n"), @r#"
    waits: more replicas need to be updated (step 2 of 5)
    waits: AnalysisRun `api-2` is Running: metric "web" assessed (step 2 of 5)
    waits: its controller writes no `status.phase`; use Argo Rollouts 1.0 or later
    held: its canary waits at step 2 of 5 until somebody continues it; `kubectl argo rollouts promote` does
    waits: its canary pauses at step 4 of 5 for 10s
    waits: its canary pauses at step 5 of 5 for 60 s
    held: it is paused (InconclusiveAnalysisRun): its measurements do not say whether the new pods are good (AnalysisRun `api-2` is Inconclusive: metric "web" assessed); look at them, then `kubectl argo rollouts promote` continues it, and `kubectl argo rollouts abort` ends it
    held: it is paused by `spec.paused`; `kubectl argo rollouts promote` continues it
    waits: its active Service does not have the new pods yet
    held: its new pods get no traffic until somebody promotes them; `kubectl argo rollouts promote` does
    waits: its new pods are promoted after 30 s
    failed: it was aborted, and the old pods serve: Rollout aborted update to revision 2; commit a correction, or try the same once more by `kubectl argo rollouts retry rollout`
    failed: it was aborted, and the old pods serve: AnalysisRun `api-2` is Failed: metric "web" assessed; commit a correction, or try the same once more by `kubectl argo rollouts retry rollout`
    failed: its new pods were not ready within `progressDeadlineSeconds`: ReplicaSet "a" has timed out progressing.; look at their events and logs
    failed: its spec is invalid: Service "b" not found; correct it
    failed: ReplicaSetUpdated: odd; look at its conditions
    "#);
}

#[test]
fn a_template_of_another_workload_is_named() {
    let mut object = canary(json!({}));
    assert_eq!(hidden_template(&object), None);
    object["spec"]["workloadRef"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"});
    let why = hidden_template(&object).unwrap_or_default();
    assert!(why.starts_with("it takes its pod template from Deployment `api` (`workloadRef`)"), "{why}");
}
