//! The rows of errors: what each looks like, and what the user is told.

use serde_json::{Value, json};

use super::{NEW, OLD, OLD_IMAGE, OUR_IMAGE, OURS, application, standing};
use crate::argocd::{Standing, Waiting};

fn waiting(object: &Value) -> Waiting {
    match standing(object) {
        Standing::Waiting(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

fn problem(revision: &str, changes: Value) -> String {
    waiting(&application(revision, OUR_IMAGE, changes)).problem()
}

fn condition(name: &str, message: &str) -> Value {
    json!({"status": {
        "sync": {"status": "Unknown", "revision": "main"}, "conditions": [{"type": name, "message": message}],
    }})
}

#[test]
fn comparisons_that_fail_leave_the_health_and_have_a_message() {
    let unauthorized =
        condition("ComparisonError", "failed to list refs: authentication required: Unauthorized");
    insta::assert_snapshot!(problem(OURS, unauthorized), @"cannot be compared with Git: failed to list refs: authentication required: Unauthorized; correct the manifests, or the repository and its login in Argo CD. Its health is that of an older commit");
    let project = "Application referencing project default which does not exist";
    insta::assert_snapshot!(problem(OURS, condition("InvalidSpecError", project)), @"has the condition InvalidSpecError: Application referencing project default which does not exist; correct the Application or its AppProject");
    let not_permitted = "application 'x' in namespace 'y' is not permitted to use project 'default'";
    insta::assert_snapshot!(problem(OURS, condition("UnknownError", not_permitted)), @"has the condition UnknownError: application 'x' in namespace 'y' is not permitted to use project 'default'; correct the Application or its AppProject");
    insta::assert_snapshot!(problem(OURS, json!({"status": null})), @"is not handled by any controller: its `status` never appears; create it in Argo CD's own namespace, or add its namespace to `application.namespaces` of argocd-cmd-params-cm");
}

/// A manifest that the API server refuses.
fn refused(phase: &str, retries: u64, revision: &str) -> Value {
    json!({"status": {
        "sync": {"status": "OutOfSync"},
        "operationState": {"phase": phase, "retryCount": retries, "message": "one or more objects failed to apply",
            "operation": {"initiatedBy": {"automated": true}, "sync": {"revision": revision}},
            "syncResult": {"revision": revision, "resources": [{
                "kind": "ConfigMap", "name": "api", "status": "SyncFailed",
                "message": "resource :ConfigMap is not permitted in project shop",
            }]}},
    }})
}

#[test]
fn a_refused_manifest_is_named() {
    insta::assert_snapshot!(problem(OURS, refused("Failed", 0, OURS)), @"could not be synced: ConfigMap `api`: resource :ConfigMap is not permitted in project shop; correct the manifest, or what the AppProject allows. Argo CD does not sync a commit again that has failed; `start-sync: true` does, once the cause is gone");
    insta::assert_snapshot!(problem(OURS, refused("Running", 2, OURS)), @"could not be synced yet (attempt 3): ConfigMap `api`: resource :ConfigMap is not permitted in project shop; correct the manifest, or what the AppProject allows");
}

#[test]
fn an_older_sync_that_is_repeated_blocks_ours() {
    let blocked = application(OURS, OLD_IMAGE, refused("Running", 3, OLD));
    let found = waiting(&blocked);
    let Waiting::OlderSync { revision, retries, .. } = &found else { panic!("{found:?}") };
    assert_eq!((revision.as_str(), *retries), (OLD, 3));
    insta::assert_snapshot!(problem(OURS, refused("Running", 3, OLD)), @"repeats a failed sync of the older revision 2222222222 (attempt 4), so ours is not applied: ConfigMap `api`: resource :ConfigMap is not permitted in project shop; set `stop-older-sync: true`, or `syncPolicy.retry.refresh: true` in the Application");
    // It failed for good: Argo CD begins ours.
    let over = waiting(&application(OURS, OLD_IMAGE, refused("Failed", 5, OLD)));
    assert_eq!(over, Waiting::OutOfSync { is_automated: true });
    // Somebody has requested it, so it may be newer than ours. The request was written over the state of an automated one.
    let mut requested = application(OURS, OLD_IMAGE, refused("Running", 3, OLD));
    requested["status"]["operationState"]["operation"]["initiatedBy"]["username"] = json!("ann");
    assert!(matches!(waiting(&requested), Waiting::Syncing { retries: 3, .. }), "{requested}");
    // Argo CD does not have our commit yet.
    let elsewhere = waiting(&application(OLD, OLD_IMAGE, refused("Running", 3, NEW)));
    assert_eq!(elsewhere, Waiting::OtherRevision { revision: OLD.into(), is_older: true });
}

#[test]
fn what_does_not_begin_says_why() {
    let status = json!({
        "sync": {"status": "OutOfSync"}, "operationState": {"syncResult": {"revision": OLD}},
    });
    let out_of_sync = json!({"status": status});
    insta::assert_snapshot!(problem(OURS, out_of_sync), @"is OutOfSync, and its automated sync does not begin; look at the sync windows of its AppProject: a `deny` window shows nothing in the Application");
    for automated in [Value::Null, json!({"enabled": false})] {
        let by_hand = json!({
            "spec": {"syncPolicy": {"automated": automated}}, "status": status,
        });
        insta::allow_duplicates! { insta::assert_snapshot!(problem(OURS, by_hand), @"is OutOfSync and has no automated sync; set `start-sync: true`, or `syncPolicy.automated` in the Application"); }
    }
    // Our commit was synced, and it differs again or still.
    let differs = json!({"status": {"sync": {"status": "OutOfSync"}}});
    insta::assert_snapshot!(problem(OURS, differs), @"was synced and is still OutOfSync: a resource must be removed (`syncPolicy.automated.prune: true`), or something changes a resource after the sync (`ignoreDifferences`); look at its diff in Argo CD");
    let window = json!({"operation": {"sync": {}}, "status": {
        "sync": {"status": "OutOfSync"},
        "operationState": {"phase": "Running", "message": "Sync operation blocked by sync window"},
    }});
    insta::assert_snapshot!(problem(OURS, window), @"waits for a sync window: a `deny` window is active, or no `allow` window is; change `syncWindows` of its AppProject, or give the step more time");
    let hook = json!({"status": {
        "sync": {"status": "OutOfSync"},
        "operationState": {"phase": "Running", "message": "waiting for completion of hook batch/Job/migrate"},
    }});
    insta::assert_snapshot!(problem(OURS, hook), @"is still being synced (waiting for completion of hook batch/Job/migrate); look at its hooks and sync waves, or give the step more time");
}

#[test]
fn what_runs_wrongly_says_what_to_compare() {
    insta::assert_snapshot!(problem(OLD, json!({})), @"is at revision 2222222222, which is older than our commit; compare the `repoURL` and `targetRevision` of its source with the branch that was committed to");
    let health = |health: &str| json!({"status": {"health": {"status": health}}});
    insta::assert_snapshot!(problem(OURS, health("Degraded")), @"is Degraded; look at its resources in Argo CD, and at the logs of its pods");
    insta::assert_snapshot!(problem(OURS, health("Progressing")), @"is still Progressing; look at the events and logs of its pods, or give the step more time");
    insta::assert_snapshot!(problem(OURS, health("Suspended")), @"is still Suspended; resume what was paused");
    let image = json!({"status": {"summary": {"images": [OLD_IMAGE]}}});
    let said = problem(OURS, image);
    assert!(said.starts_with(&format!("is Synced and Healthy without {OUR_IMAGE}; compare")), "{said}");
    assert!(said.contains("`ignoreDifferences`"), "{said}");
}
