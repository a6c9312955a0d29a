//! Operations that the step starts and ends.

use serde_json::{Value, json};

use super::{OLD, OLD_IMAGE, OUR_IMAGE, OURS, Site, state};
use crate::support::net::{PATIENCE, until};

/// Our revision, which was not applied.
fn out_of_sync() -> Value {
    let mut state = state(OURS, OLD_IMAGE);
    state["status"]["sync"]["status"] = json!("OutOfSync");
    state["status"]["operationState"]["syncResult"]["revision"] = json!(OLD);
    state
}

fn deployed() -> Value {
    let mut state = state(OURS, OUR_IMAGE);
    state["operation"] = Value::Null;
    state
}

/// A sync is started after an operation that ended in `phase` at `revision`.
async fn is_started_after(phase: &str, revision: &str) {
    let site = Site::open(OLD, OLD_IMAGE).await;
    site.set(json!({"spec": {"syncPolicy": {"automated": null}}})).await;
    let running = site.start(json!({"start-sync": true}));
    let mut by_hand = out_of_sync();
    by_hand["spec"]["syncPolicy"]["automated"] = Value::Null;
    by_hand["status"]["operationState"]["phase"] = json!(phase);
    by_hand["status"]["operationState"]["syncResult"]["revision"] = json!(revision);
    site.compare(by_hand).await;
    let started = async || {
        let application = site.applications.read(&site.name).await;
        application["operation"].is_object().then_some(application)
    };
    let application = until(|| "the operation".to_owned(), PATIENCE, started).await;
    assert_eq!(application["operation"]["sync"], json!({"revision": OURS, "prune": true}));
    assert_eq!(application["operation"]["initiatedBy"]["username"], "argo-buildkit");
    // A state of an older operation would make Argo CD end this one without applying anything.
    assert!(application["status"]["operationState"].is_null(), "{application}");
    site.set(deployed()).await;
    assert_eq!(running.ended().await.unwrap().outputs["outcome"], "healthy");
}

#[tokio::test]
async fn a_sync_is_started_where_argo_cd_does_not() {
    is_started_after("Succeeded", OLD).await;
    // It failed before this step began, and for another reason than our manifests perhaps.
    is_started_after("Failed", OURS).await;
}

#[tokio::test]
async fn without_automated_sync_the_step_says_so() {
    let site = Site::open(OLD, OLD_IMAGE).await;
    let running = site.start(json!({}));
    let mut by_hand = out_of_sync();
    by_hand["spec"]["syncPolicy"]["automated"] = Value::Null;
    site.compare(by_hand).await;
    let failed = running.ended().await.unwrap_err();
    let expected =
        format!("Application `{}` in namespace `argocd` is OutOfSync and has no automated sync", site.name);
    assert!(failed.message.starts_with(&expected), "{}", failed.message);
    assert!(failed.message.contains("set `start-sync: true`"), "{}", failed.message);
    assert_eq!(site.applications.read(&site.name).await["operation"], Value::Null);
}

#[tokio::test]
async fn a_failed_sync_of_an_older_commit_is_ended_on_request() {
    let site = Site::open(OLD, OLD_IMAGE).await;
    let running = site.start(json!({"stop-older-sync": true}));
    let mut blocked = out_of_sync();
    blocked["status"]["operationState"]["phase"] = json!("Running");
    blocked["status"]["operationState"]["retryCount"] = json!(3);
    blocked["status"]["operationState"]["operation"] = json!({"initiatedBy": {"automated": true}});
    site.compare(blocked).await;
    let ended = async || {
        let application = site.applications.read(&site.name).await;
        (application["status"]["operationState"]["phase"] == "Terminating").then_some(())
    };
    until(|| "the older operation to be ended".to_owned(), PATIENCE, ended).await;
    // A second refresh makes Argo CD begin ours.
    site.compare(deployed()).await;
    let done = running.ended().await.unwrap();
    assert_eq!(done.outputs["outcome"], "healthy");
    assert!(done.outputs["remarks"].contains("ended the sync of the older revision 2222222222"), "{done:?}");
}
