//! Nodes that run again: by Argo's own retries, and by `argo retry`.

use serde_json::json;

use super::Scene;
use crate::argo;
use crate::support::kube::{Identity, Kube};

/// A Dockerfile whose build fails until the source has the file `mended`.
const FAILS: &str = "FROM BASE\nCOPY . /\nRUN date +%N && test -e /mended\n";

#[tokio::test]
async fn a_retry_is_another_node_with_a_result_of_its_own() {
    let scene = Scene::set("FROM BASE\nRUN exit 7\n").await;
    let plugin = json!({"buildkit": scene.shop.build(json!({}))});
    let template = json!({"name": "main", "retryStrategy": {"limit": "1"}, "plugin": plugin});
    let spec = json!({"entrypoint": "main", "templates": [template]});
    let name = scene
        .tenant
        .argo
        .submit(&json!({"metadata": {"generateName": "retried-"}, "spec": spec}).to_string())
        .await;
    assert_eq!(scene.tenant.argo.finished(&name).await.0, "Failed");
    let nodes = scene.tenant.argo.nodes(&name).await;
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    assert!(
        nodes.values().all(|node| node.phase == "Failed" && node.message.contains("exited with 7")),
        "{nodes:?}"
    );
    scene.agent.metric("argo_buildkit_steps_total{kind=\"build\",outcome=\"failed\"} 2").await;
}

#[tokio::test]
async fn a_retry_by_hand_runs_the_same_node_again() {
    let scene = Scene::set(FAILS).await;
    // The commit is the same; only the node is retried.
    let name = scene.submit(scene.shop.build(json!({})), &["digest"]).await;
    let failed = scene.ends(&name, "Failed").await;
    assert!(failed.message.contains("test -e /mended"), "{}", failed.message);
    retry(&scene, &name);
    scene.agent.metric("argo_buildkit_steps_total{kind=\"build\",outcome=\"failed\"} 2").await;
    scene.ends(&name, "Failed").await;
    scene.shop.service.commit_file("main", "mended", "yes\n", "mend").await;
    retry(&scene, &name);
    let node = scene.ends(&name, "Succeeded").await;
    assert_eq!(node.outputs["digest"], scene.shop.digest("1").await.unwrap());
}

fn retry(scene: &Scene, workflow: &str) {
    let kubeconfig =
        futures_util::FutureExt::now_or_never(Kube::shared()).unwrap().kubeconfig(Identity::Admin);
    argo::retry(workflow, &scene.tenant.namespace, &kubeconfig);
}
