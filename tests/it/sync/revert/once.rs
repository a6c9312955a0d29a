//! One commit that reverts ours, and no second one.

use std::sync::Arc;

use serde_json::json;

use super::{Deployment, VALUES, run_as, unhealthy};
use crate::support::net::{PATIENCE, until};

#[tokio::test]
async fn a_commit_whose_deployment_fails_is_taken_back_by_one_commit() {
    let shop = Deployment::open(&[("values.yaml", VALUES), ("other.yaml", "a: 1\n")]).await;
    let ours = shop.deploy().await;
    let failed = shop.degraded(&ours, json!({"author": {"name": "Bot", "email": "bot@shop.example"}})).await;
    let by = shop.head();
    assert_eq!((shop.commits(), shop.git(&["rev-parse", "main^"])), (3, ours.clone()));
    assert_eq!(shop.file("values.yaml"), VALUES.trim_end());
    assert_eq!(failed.outputs["outcome"], "reverted");
    assert_eq!((&failed.outputs["reverted-by"], failed.outputs["health"].as_str()), (&by, "Degraded"));
    let said = format!("; our commit {} was reverted by {} on main of http://", &ours[..10], &by[..10]);
    assert!(failed.message.contains("is Degraded") && failed.message.contains(&said), "{}", failed.message);
    let message = shop.git(&["log", "-1", "--format=%an <%ae>%n%B", "main"]);
    let expected = format!(
        "Bot <bot@shop.example>\nRevert \"Update values.yaml\"\n\nThis reverts commit {ours}.\n\nApplication `{}` in namespace `argocd` is \
         Degraded.\n\nWorkflow: builds/{}\nManifest: values.yaml helm:image.tag\nReverts: {ours}\nWorkflow-Uid: {}\n\
         Managed-By: argo-buildkit",
        shop.site.name, shop.workflow, shop.workflow
    );
    assert_eq!(message, expected);
    // Argo CD goes back at once.
    assert_eq!(shop.site.applications.refresh(&shop.site.name).await.as_deref(), Some("normal"));
    let metrics = shop.site.engine.metrics.encode(0, 0).unwrap();
    assert!(metrics.contains("argo_buildkit_syncs_total{result=\"reverted\"} 1"), "{metrics}");
    assert!(metrics.contains("argo_buildkit_manifest_updates_total{result=\"reverted\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_step_that_was_stopped_after_its_revert_makes_no_second_one() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    shop.degraded(&ours, json!({})).await;
    let (by, commits) = (shop.head(), shop.commits());
    // The Application has gone back meanwhile, and runs well. The deployment of our commit has failed all the same.
    shop.site.set(super::state(&by, super::OLD_IMAGE)).await;
    let body = shop.body(&ours, json!({}));
    let failed = run_as(&shop.site.engine, &shop.workflow, &body).await.unwrap_err();
    assert_eq!((failed.outputs["outcome"].as_str(), &failed.outputs["reverted-by"]), ("reverted", &by));
    assert!(failed.message.contains("was reverted already"), "{}", failed.message);
    assert_eq!((shop.head(), shop.commits()), (by, commits));
}

#[tokio::test]
async fn a_node_that_begins_again_does_not_commit_what_it_has_reverted() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let target = json!([{"file": "values.yaml", "helm": {"image.tag": "v2"}}]);
    let ours = shop.commit(target.clone()).await;
    shop.degraded(&ours, json!({})).await;
    let (by, commits) = (shop.head(), shop.commits());
    let sync = shop.body("$(update-manifest.commit)", json!({}));
    let node = json!({"steps": [shop.update(target), sync]});
    let failed = run_as(&shop.site.engine, &shop.workflow, &node).await.unwrap_err();
    let said = format!("our commit {} was reverted already, by {} on main", &ours[..10], &by[..10]);
    assert!(failed.message.contains(&said), "{}", failed.message);
    assert_eq!((shop.head(), shop.commits()), (by, commits));
    // Another workflow may commit the same values.
    let update = &node["steps"][0];
    let done = run_as(&shop.site.engine, "another", update).await.unwrap();
    assert_eq!((done.outputs["changed"].as_str(), shop.commits()), ("true", commits + 1));
}

#[tokio::test]
async fn what_a_workflow_has_reverted_of_one_service_does_not_stop_another() {
    let shop = Deployment::open(&[("values.yaml", VALUES), ("other.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    shop.degraded(&ours, json!({})).await;
    let commits = shop.commits();
    let other = shop.update(json!([{"file": "other.yaml", "helm": {"image.tag": "v2"}}]));
    let node = json!({"steps": [other, shop.body("$(update-manifest.commit)", json!({}))]});
    let (engine, workflow) = (Arc::clone(&shop.site.engine), shop.workflow.clone());
    let step = tokio::spawn(async move { run_as(&engine, &workflow, &node).await });
    let committed = async || (shop.commits() == commits + 1).then_some(());
    until(|| "the commit of the other service".to_owned(), PATIENCE, committed).await;
    step.abort();
}

#[tokio::test]
async fn a_step_that_is_cancelled_reverts_nothing() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    let step = shop.start(&ours, json!({}));
    let asked = async || shop.site.applications.refresh(&shop.site.name).await;
    until(|| "the refresh".to_owned(), PATIENCE, asked).await;
    shop.site.set(unhealthy(&ours)).await;
    step.abort();
    assert!(step.await.unwrap_err().is_cancelled());
    assert_eq!((shop.head(), shop.commits()), (ours, 2));
}

#[tokio::test]
async fn what_was_set_for_the_first_time_is_removed() {
    let shop = Deployment::open(&[("values.yaml", "replicas: 2\n")]).await;
    let target = json!([{"file": "values.yaml", "create": true, "helm": {"image.tag": "v2"}}]);
    let ours = shop.commit(target).await;
    let failed = shop.degraded(&ours, json!({})).await;
    assert_eq!(failed.outputs["outcome"], "reverted", "{}", failed.message);
    assert_eq!(shop.file("values.yaml"), "replicas: 2");
}

#[tokio::test]
async fn a_sync_that_argo_cd_gives_up_is_reverted_too() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    let step = shop.start(&ours, json!({}));
    let mut refused = super::state(&ours, super::OLD_IMAGE);
    refused["status"]["sync"]["status"] = json!("OutOfSync");
    refused["status"]["operationState"]["phase"] = json!("Failed");
    refused["status"]["operationState"]["message"] = json!("one or more objects failed to apply");
    shop.site.compare(refused).await;
    let failed = step.await.unwrap().unwrap_err();
    assert!(failed.message.contains("could not be synced: one or more objects failed"), "{}", failed.message);
    assert_eq!((&failed.outputs["reverted-by"], shop.commits()), (&shop.head(), 3));
}
