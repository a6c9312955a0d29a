//! Commits of others beside ours.

use serde_json::json;

use super::{Deployment, VALUES, run_as};

const PODS: &str = "\
kind: Deployment
metadata: {name: api}
spec: {template: {spec: {containers: [{name: api, image: 'r.io/api:v1'}]}}}
---
kind: Deployment
metadata: {name: jobs}
spec: {template: {spec: {containers: [{name: jobs, image: 'r.io/jobs:v1'}]}}}
";

#[tokio::test]
async fn a_newer_commit_of_the_same_value_is_not_touched() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    let newer = shop.others_commit(&[("values.yaml", &VALUES.replace("v1", "v3"))]);
    let failed = shop.degraded(&ours, json!({})).await;
    assert_eq!((shop.head(), failed.outputs["outcome"].as_str()), (newer, "failed"));
    let said = format!(
        "; our commit {} was not reverted: values.yaml: a newer commit has set `image.tag`; look at that commit",
        &ours[..10]
    );
    assert!(failed.message.ends_with(&said), "{}", failed.message);
    let metrics = shop.site.engine.metrics.encode(0, 0).unwrap();
    assert!(metrics.contains("argo_buildkit_syncs_total{result=\"failed\"} 1"), "{metrics}");
}

#[tokio::test]
async fn commits_of_other_values_and_files_stay() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    let theirs = VALUES.replace("v1", "v2").replace("replicas: 2", "replicas: 5");
    let newer = shop.others_commit(&[("values.yaml", &theirs), ("new.yaml", "a: 1\n")]);
    let failed = shop.degraded(&ours, json!({})).await;
    assert_eq!(failed.outputs["outcome"], "reverted", "{}", failed.message);
    assert_eq!(shop.git(&["rev-parse", "main^"]), newer, "on top of it");
    assert_eq!(shop.file("values.yaml"), theirs.replace("v2", "v1").trim_end());
    assert_eq!(shop.file("new.yaml"), "a: 1");
}

#[tokio::test]
async fn a_commit_that_somebody_has_reverted_is_left_alone() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    let by_hand = shop.others_commit(&[("values.yaml", VALUES)]);
    let failed = shop.degraded(&ours, json!({})).await;
    assert!(
        failed.message.ends_with("the branch has the values from before it already"),
        "{}",
        failed.message
    );
    assert_eq!(shop.head(), by_hand);
}

#[tokio::test]
async fn values_in_several_documents_and_files_are_found_again() {
    let shop = Deployment::open(&[("pods.yaml", PODS), ("values.yaml", VALUES)]).await;
    let ours = shop
        .commit(json!([
            {"file": "pods.yaml", "container": {"kind": "Deployment", "name": "jobs", "container": "jobs", "tag": "v2"}},
            {"file": "values.yaml", "helm": {"image.tag": "v2"}},
        ]))
        .await;
    let before = |text: &str| text.replace("jobs:v1", "jobs:v2");
    let added = format!("kind: Service\nmetadata: {{name: api}}\n---\n{}", before(PODS));
    shop.others_commit(&[("pods.yaml", &added), ("values.yaml", &VALUES.replace("v1", "v2"))]);
    let failed = shop.degraded(&ours, json!({})).await;
    assert_eq!(failed.outputs["outcome"], "reverted", "{}", failed.message);
    assert_eq!(shop.file("pods.yaml"), added.replace("jobs:v2", "jobs:v1").trim_end());
    assert_eq!(shop.file("values.yaml"), VALUES.trim_end());
}

#[tokio::test]
async fn the_part_of_another_workflow_in_the_same_commit_stays() {
    let shop = Deployment::open(&[("values.yaml", "a: {tag: v1}\nb: {tag: v1}\n")]).await;
    let set = |path: &str| shop.update(json!([{"file": "values.yaml", "helm": {path: "v2"}}]));
    let (ours, theirs) = (set("a.tag"), set("b.tag"));
    let engine = &shop.site.engine;
    let (first, second) =
        tokio::join!(run_as(engine, &shop.workflow, &ours), run_as(engine, "another", &theirs));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(shop.file("values.yaml").contains("a: {tag: v2}\nb: {tag: v2}"));
    drop(second);
    let failed = shop.degraded(&first.outputs["commit"], json!({})).await;
    assert_eq!(failed.outputs["outcome"], "reverted", "{}", failed.message);
    assert_eq!(shop.file("values.yaml"), "a: {tag: v1}\nb: {tag: v2}");
}
