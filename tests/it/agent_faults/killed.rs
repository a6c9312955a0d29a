//! An agent that is killed again and again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;
use crate::support::net::unique;

const TIMES: usize = 10;

/// Long enough that a kill at any time interrupts something.
const PIPELINE: &str = "FROM BASE\nARG NUMBER\nRUN sleep 1 && cat /proc/sys/kernel/random/uuid > /once\n";

#[tokio::test]
async fn an_agent_killed_at_ten_moments_loses_nothing_and_does_nothing_twice() {
    let seed = std::env::var("ARGO_BUILDKIT_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 % 100_000);
    let mut random = fastrand::Rng::with_seed(seed);
    let (shop, tenant) = (Shop::open(PIPELINE).await, Tenant::new().await);
    tenant.secrets(&shop).await;
    let setup = AgentSetup::new(shared_buildkitd().address(), &[&tenant]).await;
    // Each agent has a lease of its own, because a killed agent cannot release one and the next would wait for it. Each
    // agent has a pod of its own, because steps are refused as the cause when the container of one pod is killed again
    // and again (trust::deaths).
    let pods: Vec<_> = (0..=TIMES).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut pods = pods.iter().map(|pod| pod.path().display().to_string());
    let mut next = || {
        let replica = setup.replica().env("ARGO_BUILDKIT_LEASE", &unique("lease"));
        replica.env("TMPDIR", &pods.next().unwrap()).start()
    };
    let (mut agent, mut workflows) = (next(), Vec::new());
    for number in 0..TIMES {
        agent.leads().await;
        shop.gitops.branch(&format!("env-{number}"), "main").await;
        let pipeline = pipeline(&shop, number);
        workflows.push(tenant.argo.submit_plugin(&pipeline, &["digest", "commit"]).await);
        tokio::time::sleep(Duration::from_millis(random.u64(0..2500))).await;
        agent.kill();
        agent = next();
    }
    for (number, workflow) in workflows.iter().enumerate() {
        let (phase, message) = tenant.argo.finished(workflow).await;
        assert_eq!(phase, "Succeeded", "ARGO_BUILDKIT_TEST_SEED={seed} {number}: {message}\n{}", agent.log());
        committed_once(&shop, number, &tenant.argo.nodes(workflow).await.into_values().next().unwrap()).await;
    }
}

/// A build and a commit, for an image and a branch of its own.
fn pipeline(shop: &Shop, number: usize) -> Value {
    let build = shop.build(json!({
        "tags": [format!("{}:{number}", shop.image())], "build-args": {"NUMBER": number.to_string()},
    }));
    let values = json!({"image.tag": number.to_string(), "image.digest": "$(build.digest)"});
    let update = shop.update(values, json!({"branch": format!("env-{number}")}));
    json!({"buildkit": {"steps": [build, update]}})
}

async fn committed_once(shop: &Shop, number: usize, node: &crate::support::argo::Node) {
    let (branch, digest) = (format!("env-{number}"), &node.outputs["digest"]);
    assert_eq!(shop.digest(&number.to_string()).await.as_ref(), Some(digest), "{number}");
    let values = shop.gitops.read(&branch, "chart/values.yaml").await.unwrap();
    assert!(values.contains(digest.as_str()), "{number}: {digest}\n{values}");
    let commits = shop.gitops.commits(&branch).await;
    assert_eq!(commits.len(), 2, "{number}: {commits:#?}");
    assert_eq!(commits[0].sha, node.outputs["commit"], "{number}");
}
