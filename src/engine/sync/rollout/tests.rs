//! Workloads as their controllers write them.

mod argo;

use serde_json::{Value, json};

use super::{RolloutState, missing_image, selector, state};
use crate::oci::ImageRef;
use crate::step::sync::WorkloadKind;

fn deployment(replicas: i64, status: [i64; 3], reason: &str) -> RolloutState {
    let [all, updated, available] = status;
    let object = json!({
        "metadata": {"generation": 2}, "spec": {"replicas": replicas},
        "status": {
            "observedGeneration": 2, "replicas": all, "updatedReplicas": updated, "availableReplicas": available,
            "conditions": [{"type": "Available"}, {"type": "Progressing", "reason": reason, "message": "why"}],
        },
    });
    state(WorkloadKind::Deployment, &object)
}

fn waiting(text: &str) -> RolloutState {
    RolloutState::Waiting(text.to_owned())
}

#[test]
fn a_deployment_is_complete_when_its_new_pods_are_available_and_the_old_ones_gone() {
    let (new, done) = ("ReplicaSetUpdated", "NewReplicaSetAvailable");
    let complete = |is_scaling| RolloutState::Complete { is_scaling };
    for (replicas, status, reason, expected) in [
        (3, [3, 3, 3], done, complete(false)),
        (0, [0, 0, 0], done, complete(false)),
        (3, [4, 1, 3], new, waiting("1 of 3 new pods are made")),
        // The status of the last rollout, just after a change.
        (3, [3, 0, 3], done, waiting("0 of 3 new pods are made")),
        (3, [4, 3, 4], new, waiting("1 old pods end")),
        (3, [3, 3, 2], new, waiting("2 of 3 new pods are available")),
        (3, [1, 1, 0], "ProgressDeadlineExceeded", RolloutState::Failed("why".to_owned())),
        // An autoscaler adds pods, and removes them.
        (10, [10, 10, 3], done, complete(true)),
        (10, [3, 3, 3], done, complete(true)),
        (2, [5, 5, 5], done, complete(false)),
    ] {
        assert_eq!(deployment(replicas, status, reason), expected, "{replicas} {status:?} {reason}");
    }
}

#[test]
fn what_its_controller_has_not_seen_is_not_complete() {
    let unseen = json!({"metadata": {"generation": 3}, "status": {"observedGeneration": 2}});
    let new = json!({"metadata": {"generation": 1}});
    for (kind, object) in [(WorkloadKind::DaemonSet, unseen), (WorkloadKind::StatefulSet, new)] {
        assert_eq!(state(kind, &object), waiting("its controller has not seen the change yet"));
    }
}

#[test]
fn stateful_sets_and_daemon_sets_are_counted() {
    let set = |spec: Value, status: Value| {
        state(WorkloadKind::StatefulSet, &json!({"spec": spec, "status": status}))
    };
    let counts = |ready: i64, updated: i64, now: &str| json!({"readyReplicas": ready, "updatedReplicas": updated, "currentRevision": now, "updateRevision": "b"});
    let complete = RolloutState::Complete { is_scaling: false };
    let three = || json!({"replicas": 3});
    assert_eq!(set(three(), counts(3, 3, "b")), complete);
    assert_eq!(set(three(), counts(2, 3, "b")), waiting("2 of 3 pods are ready"));
    assert_eq!(set(three(), counts(3, 1, "a")), waiting("1 of 3 pods are new"));
    let partition = json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}});
    assert_eq!(set(partition, counts(3, 1, "a")), complete);
    let by_hand = json!({"updateStrategy": {"type": "OnDelete"}});
    assert!(matches!(set(by_hand, counts(1, 1, "b")), RolloutState::Failed(_)));
    let daemons = |updated: i64, available: i64| {
        let status = json!({
            "desiredNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": available,
        });
        state(WorkloadKind::DaemonSet, &json!({"status": status}))
    };
    assert_eq!(daemons(2, 2), complete);
    assert_eq!(daemons(1, 2), waiting("1 of 2 new pods are made"));
    assert_eq!(daemons(2, 1), waiting("1 of 2 new pods are available"));
}

#[test]
fn images_and_labels_are_those_of_the_pods() {
    let object = json!({"spec": {
        "selector": {"matchLabels": {"app": "api", "tier": "web"}},
        "template": {"spec": {"containers": [{"image": "r.io/a:1"}], "initContainers": [{"image": "r.io/b:2"}]}},
    }});
    assert_eq!(selector(&object).as_deref(), Some("app=api,tier=web"));
    assert_eq!(selector(&json!({})), None);
    let images =
        |texts: &[&str]| texts.iter().filter_map(|text| text.parse().ok()).collect::<Vec<ImageRef>>();
    assert_eq!(missing_image(&object, &images(&["r.io/a:1", "r.io/b:2"])), None);
    let wanted = images(&["r.io/a:1", "r.io/b:3"]);
    assert_eq!(missing_image(&object, &wanted), wanted.last());
}
