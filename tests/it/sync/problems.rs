//! Deployments that fail, and what the message says.

use std::time::Duration;

use argo_buildkit::outcome::Fault;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{OLD, OLD_IMAGE, OUR_IMAGE, OURS, Site, state};
use crate::support::kube::{BUILDS, Identity};
use crate::support::net::unique;

fn with_health(health: &str) -> Value {
    let mut state = state(OURS, OUR_IMAGE);
    state["status"]["health"]["status"] = json!(health);
    state
}

#[tokio::test]
async fn an_application_that_is_missing_or_forbidden_is_named() {
    let site = Site::open(OLD, OLD_IMAGE).await;
    let missing = unique("missing");
    site.applications.create(&missing).await;
    let failed = site.start(json!({"applications": missing})).ended().await.unwrap_err();
    let expected = format!(
        "reading Application `{missing}` in namespace `argocd` is forbidden to the plugin's ServiceAccount"
    );
    assert!(failed.message.starts_with(&expected), "{}", failed.message);
    assert!(failed.message.contains(&format!("with resourceNames: [{missing}]")), "{}", failed.message);
    let gone = unique("gone");
    site.applications.create(&gone).await;
    site.applications.allow_sync(&gone).await;
    site.applications.delete(&gone).await;
    let failed = site.start(json!({"applications": gone})).ended().await.unwrap_err();
    assert!(failed.message.starts_with(&format!("there is no Application `{gone}`")), "{}", failed.message);
    assert_eq!(failed.fault, Fault::User);
}

#[tokio::test]
async fn a_degraded_application_fails_after_a_moment_and_not_before() {
    let site = Site::open(OLD, OLD_IMAGE).await;
    let mut running = site.start(json!({}));
    site.compare(with_health("Degraded")).await;
    running.shows("Degraded").await;
    let failed = running.ended().await.unwrap_err();
    assert!(failed.message.contains("is Degraded; look at its resources"), "{}", failed.message);
    // The rights to its pods were not granted.
    assert_eq!(
        (failed.outputs["outcome"].as_str(), failed.outputs["health"].as_str()),
        ("failed", "Degraded")
    );

    // The state of the last rollout goes away.
    let mut running = site.start(json!({"commit": null}));
    site.compare(with_health("Degraded")).await;
    running.shows("Degraded").await;
    site.set(with_health("Healthy")).await;
    assert_eq!(running.ended().await.unwrap().outputs["outcome"], "healthy");
}

#[tokio::test]
async fn the_time_of_the_step_ends_the_wait_with_what_it_waited_for() {
    let site = Site::open(OURS, OLD_IMAGE).await;
    site.set(with_health("Progressing")).await;
    let (failed, ()) = tokio::join!(site.run_for(json!({}), Duration::from_secs(6)), site.compare(json!({})));
    let message = failed.unwrap_err().message;
    assert!(message.contains("is still Progressing; look at the events"), "{message}");
    assert!(message.ends_with("the step's time is over"), "{message}");
}

#[tokio::test]
async fn pods_in_trouble_are_named_and_end_the_wait() {
    let site = Site::open(OURS, OUR_IMAGE).await;
    let (name, kube) = (&site.name, site.kube);
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]);
    let space = unique("pods");
    kube.namespace(&space).await;
    kube.grant_in(&space, Identity::Plugin, "look", rules).await;
    let labels = json!({"app": name});
    let pod_spec = json!({"containers": [{"name": "api", "image": OUR_IMAGE}]});
    let template = json!({"metadata": {"labels": labels}, "spec": pod_spec});
    kube.apply(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": space},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }))
    .await;
    kube.apply(json!({
        "apiVersion": "v1", "kind": "Pod", "spec": pod_spec,
        "metadata": {"name": "api-1", "namespace": space, "labels": labels},
    }))
    .await;
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}});
    let container = json!({
        "name": "api", "image": OUR_IMAGE, "imageID": "", "ready": false, "restartCount": 0, "state": waiting,
    });
    let patch = Patch::Merge(json!({"status": {"containerStatuses": [container]}}));
    let pods = kube.api("v1", "Pod", &space).await;
    pods.patch_status("api-1", &PatchParams::default(), &patch).await.unwrap();

    let mut progressing = with_health("Progressing");
    progressing["status"]["resources"] = json!([{"kind": "Deployment", "name": name, "namespace": space}]);
    site.set(progressing.clone()).await;
    let running = site.start(json!({"stuck-after": "1s"}));
    site.compare(json!({})).await;
    let message = running.ended().await.unwrap_err().message;
    let trouble = "pod `api-1`, container `api`: ImagePullBackOff: Back-off pulling image";
    assert!(message.contains("is still Progressing") && message.ends_with(trouble), "{message}");

    // Without the rights, the message says what to grant.
    progressing["status"]["resources"][0]["namespace"] = json!(BUILDS);
    progressing["status"]["health"]["status"] = json!("Degraded");
    site.set(progressing).await;
    let running = site.start(json!({}));
    site.compare(json!({})).await;
    let message = running.ended().await.unwrap_err().message;
    assert!(message.contains("its pods cannot be looked at: reading Deployment"), "{message}");
}
