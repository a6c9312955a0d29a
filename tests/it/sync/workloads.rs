//! Workloads without Argo CD.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{OLD_IMAGE, OUR_IMAGE, Site};
use crate::support::kube::{BUILDS, Identity};
use crate::support::net::{PATIENCE, unique, until};

async fn deployment(site: &Site, name: &str, image: &str) {
    let (labels, spec) = (json!({"app": name}), json!({"containers": [{"name": "api", "image": image}]}));
    let template = json!({"metadata": {"labels": labels}, "spec": spec});
    site.kube
        .apply(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": BUILDS},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
        }))
        .await;
}

/// Writes the status of a Deployment, like its controller.
async fn set_status(site: &Site, name: &str, available: u32, reason: &str) {
    let deployments = site.kube.api("apps/v1", "Deployment", BUILDS).await;
    let generation = deployments.get(name).await.unwrap().metadata.generation;
    let condition =
        json!({"type": "Progressing", "status": "True", "reason": reason, "message": "timed out"});
    let status = json!({
        "observedGeneration": generation, "replicas": 2, "updatedReplicas": 2, "readyReplicas": available,
        "availableReplicas": available, "conditions": [condition],
    });
    let patch = Patch::Merge(json!({"status": status}));
    deployments.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

async fn allowed(site: &Site, name: &str) {
    let rules = json!([{"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [name], "verbs": ["get", "watch"]}]);
    site.kube.grant(Identity::Plugin, name, rules).await;
    let client = site.kube.client(Identity::Plugin).await;
    let deployments: kube::Api<k8s_openapi::api::apps::v1::Deployment> =
        kube::Api::namespaced(client, BUILDS);
    let readable = async || deployments.get(name).await.ok();
    until(|| format!("the right to read {name}"), PATIENCE, readable).await;
}

fn workload(name: &str) -> Value {
    json!({"applications": null, "commit": null, "workloads": [{"kind": "Deployment", "name": name}]})
}

#[tokio::test]
async fn a_rollout_is_waited_for_from_the_change_of_its_image() {
    let (site, name) = (Site::open("main", OLD_IMAGE).await, unique("rollout"));
    deployment(&site, &name, OLD_IMAGE).await;
    set_status(&site, &name, 2, "NewReplicaSetAvailable").await;
    allowed(&site, &name).await;
    let mut running = site.start(workload(&name));
    running.shows("its pod template does not have").await;
    deployment(&site, &name, OUR_IMAGE).await;
    running.shows("its controller has not seen the change yet").await;
    set_status(&site, &name, 1, "ReplicaSetUpdated").await;
    running.shows("1 of 2 new pods are available").await;
    set_status(&site, &name, 2, "NewReplicaSetAvailable").await;
    let done = running.ended().await.unwrap();
    assert_eq!((done.outputs["outcome"].as_str(), done.outputs["deployed"].as_str()), ("healthy", ""));
    assert_eq!(done.outputs["applications"], json!([name]).to_string());
}

#[tokio::test]
async fn a_rollout_that_was_given_up_fails() {
    let (site, name) = (Site::open("main", OLD_IMAGE).await, unique("rollout"));
    deployment(&site, &name, OUR_IMAGE).await;
    set_status(&site, &name, 0, "ProgressDeadlineExceeded").await;
    allowed(&site, &name).await;
    let failed = site.run_for(workload(&name), Duration::from_secs(60)).await.unwrap_err();
    let expected = format!("Deployment `{name}` in namespace `builds` has failed: timed out; look at");
    assert!(failed.message.starts_with(&expected), "{}", failed.message);
}
