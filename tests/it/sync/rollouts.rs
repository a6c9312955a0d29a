//! Rollouts of Argo Rollouts, without its controller: the tests write the status as it would.

use std::time::Duration;

use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{OLD_IMAGE, OUR_IMAGE, OURS, Site, state};
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};

const VERSION: &str = "argoproj.io/v1alpha1";

/// Serves the kind. Like that of Argo Rollouts, it has a status of its own, so that a status does not change the generation.
async fn served(kube: &'static Kube) {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let install = async || {
        kube.apply_yaml(CRD).await;
        let rollouts = kube.api(VERSION, "Rollout", BUILDS).await;
        let listed = async || rollouts.list(&ListParams::default()).await.ok();
        until(|| "Rollouts to be served".into(), PATIENCE, listed).await;
    };
    INSTALLED.get_or_init(install).await;
}

/// Applies a canary with one pause that a person ends.
async fn rollout(site: &Site, name: &str, image: &str) {
    let (labels, spec) = (json!({"app": name}), json!({"containers": [{"name": "api", "image": image}]}));
    let template = json!({"metadata": {"labels": labels}, "spec": spec});
    let strategy = json!({"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}});
    site.kube
        .apply(json!({
            "apiVersion": VERSION, "kind": "Rollout", "metadata": {"name": name, "namespace": BUILDS},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels}, "strategy": strategy, "template": template,
            },
        }))
        .await;
}

/// Writes a status for the present generation.
async fn set_status(site: &Site, name: &str, mut status: Value) {
    let rollouts = site.kube.api(VERSION, "Rollout", BUILDS).await;
    let generation = rollouts.get(name).await.unwrap().metadata.generation.unwrap();
    status["observedGeneration"] = json!(generation.to_string());
    let patch = Patch::Merge(json!({"status": status}));
    rollouts.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

fn healthy(hash: &str) -> Value {
    json!({
        "phase": "Healthy", "message": "", "currentPodHash": hash, "stableRS": hash, "pauseConditions": null,
        "controllerPause": false, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "abort": false,
        "conditions": [],
    })
}

fn paused(stable: &str, new: &str) -> Value {
    json!({
        "phase": "Paused", "message": "CanaryPauseStep", "currentPodHash": new, "stableRS": stable, "currentStepIndex": 1,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}], "controllerPause": true,
    })
}

/// A Rollout that runs the old image, and the rights to wait for it.
async fn opened() -> (Site, String) {
    let (site, name) = (Site::open("main", OLD_IMAGE).await, unique("canary"));
    served(site.kube).await;
    rollout(&site, &name, OLD_IMAGE).await;
    set_status(&site, &name, healthy("aaa")).await;
    let rules = json!([
        {"apiGroups": ["argoproj.io"], "resources": ["rollouts"], "resourceNames": [name], "verbs": ["get", "watch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]);
    site.kube.grant(Identity::Plugin, &name, rules).await;
    let client = site.kube.client(Identity::Plugin).await;
    let kind = kube::api::GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout");
    let resource = kube::api::ApiResource::from_gvk(&kind);
    let rollouts: kube::Api<kube::api::DynamicObject> = kube::Api::namespaced_with(client, BUILDS, &resource);
    let readable = async || rollouts.get(&name).await.ok();
    until(|| format!("the right to read {name}"), PATIENCE, readable).await;
    (site, name)
}

fn workload(name: &str) -> Value {
    json!({"applications": null, "commit": null, "workloads": [{"kind": "Rollout", "name": name}]})
}

#[tokio::test]
async fn a_canary_is_waited_for_until_somebody_continues_it_and_it_is_healthy() {
    let (site, name) = opened().await;
    let mut running = site.start(workload(&name));
    running.shows("its pod template does not have").await;
    rollout(&site, &name, OUR_IMAGE).await;
    running.shows("its controller has not seen the change yet").await;
    set_status(&site, &name, paused("aaa", "bbb")).await;
    running.shows("its canary waits at step 2 of 2 until somebody continues it").await;
    let mut continued = paused("aaa", "bbb");
    continued["pauseConditions"] = Value::Null;
    set_status(&site, &name, continued).await;
    running.shows("somebody has continued it").await;
    set_status(&site, &name, healthy("bbb")).await;
    let done = running.ended().await.unwrap();
    assert_eq!(done.outputs["outcome"], "healthy");
    assert_eq!(done.outputs["applications"], json!([name]).to_string());
}

#[tokio::test]
async fn a_canary_that_nobody_continues_is_named_at_the_end_of_the_steps_time() {
    let (site, name) = opened().await;
    rollout(&site, &name, OUR_IMAGE).await;
    set_status(&site, &name, paused("aaa", "bbb")).await;
    let failed = site.run_for(workload(&name), Duration::from_secs(4)).await.unwrap_err();
    let expected = format!(
        "Rollout `{name}` in namespace `builds` is not rolled out, and the step's time is over: its canary waits at step 2 of 2 until \
         somebody continues it; `kubectl argo rollouts promote` does"
    );
    assert!(failed.message.starts_with(&expected), "{}", failed.message);
}

#[tokio::test]
async fn a_rollout_that_was_aborted_fails_and_a_status_that_goes_away_does_not() {
    let (site, name) = opened().await;
    rollout(&site, &name, OUR_IMAGE).await;
    let message = "metric \"web\" assessed Failed due to failed (1) > failureLimit (0)";
    let aborted = json!({
        "phase": "Degraded", "message": "RolloutAborted: …", "abort": true, "currentPodHash": "bbb", "stableRS": "aaa",
        "conditions": [{"type": "Progressing", "reason": "RolloutAborted", "status": "False", "message": message}],
    });
    set_status(&site, &name, aborted.clone()).await;
    let mut running = site.start(workload(&name));
    running.shows("it was aborted").await;
    set_status(&site, &name, healthy("bbb")).await;
    assert_eq!(running.ended().await.unwrap().outputs["outcome"], "healthy");
    set_status(&site, &name, aborted).await;
    let failed = site.start(workload(&name)).ended().await.unwrap_err();
    let expected = format!(
        "Rollout `{name}` in namespace `builds` has failed: it was aborted, and the old pods serve: {message}; commit a correction"
    );
    assert!(failed.message.starts_with(&expected), "{}", failed.message);
}

#[tokio::test]
async fn an_application_that_is_suspended_says_which_rollout_waits() {
    let (site, name) = opened().await;
    rollout(&site, &name, OUR_IMAGE).await;
    set_status(&site, &name, paused("aaa", "bbb")).await;
    let mut suspended = state(OURS, OUR_IMAGE);
    suspended["status"]["health"]["status"] = json!("Suspended");
    let resource = json!({"group": "argoproj.io", "kind": "Rollout", "name": name, "namespace": BUILDS});
    suspended["status"]["resources"] = json!([resource]);
    site.set(suspended).await;
    let mut running = site.start(json!({}));
    site.compare(json!({})).await;
    let said = format!("Suspended: Rollout `{name}`: its canary waits at step 2 of 2");
    running.shows(&said).await;
    site.set(state(OURS, OUR_IMAGE)).await;
    assert_eq!(running.ended().await.unwrap().outputs["outcome"], "healthy");
}

const CRD: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: rollouts.argoproj.io
spec:
  group: argoproj.io
  scope: Namespaced
  names: {kind: Rollout, listKind: RolloutList, plural: rollouts, singular: rollout}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";
