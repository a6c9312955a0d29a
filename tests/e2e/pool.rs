//! Two buildkitds that act as one, in the namespace `pool`. The workflows of the namespace `pooled` build there, with sidecars.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cluster::{PATIENCE, attempt, eventually, get, kubectl};
use crate::gate::Gate;
use crate::shop::Shop;
use crate::tenants::copy_secrets;
use crate::workflow::Workflow;

/// The namespace of the workflows. Their certificate is of another authority than that of the cluster's own daemon.
pub(crate) const POOLED: &str = "pooled";
const PODS: [&str; 2] = ["buildkitd-0", "buildkitd-1"];

/// The services are stages of one Dockerfile. So many have the same first choice in one of a thousand runs.
const SERVICES: usize = 12;

/// A second run of the test keeps the certificates, which the daemons have read.
const APPLY: &str = "
kubectl kustomize --load-restrictor LoadRestrictionsNone tests/cluster/pool | kubectl apply --server-side -f -
kubectl -n pool get secret buildkitd-tls >/dev/null 2>&1 ||
  scripts/certificates --daemon pool --clients pooled | kubectl apply --server-side -f -
kubectl -n pool rollout status statefulset/buildkitd --timeout=3m
";

/// The stage of a service.
fn stage(number: usize) -> String {
    format!("s{number}")
}

fn build(shop: &Shop, round: &str, target: &str) -> Value {
    let context = json!({"repo": shop.service.url(), "revision": "main", "secret": "gitea-credentials"});
    json!({"context": context, "target": target, "build-args": {"ROUND": round}, "push": false})
}

/// The pods that have a build of `round`, by stage.
fn builders(round: &str, pods: &[&'static str]) -> BTreeMap<String, Vec<&'static str>> {
    let mut builders: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for pod in pods.iter().copied() {
        let exec = ["exec", "-n", "pool", pod, "--"];
        let histories = ["buildctl", "debug", "histories", "--format", "{{json .}}"];
        for line in kubectl(&[&exec[..], &histories].concat()).lines() {
            let fields = serde_json::from_str::<Value>(line).unwrap()["record"]["FrontendAttrs"].take();
            if fields["build-arg:ROUND"] == round {
                let stage = fields["target"].as_str().unwrap_or_default().to_owned();
                builders.entry(stage).or_default().push(pod);
            }
        }
    }
    builders
}

/// Builds all services, which must succeed. Returns the pods among `pods` that have built each.
fn build_all(shop: &Shop, round: &str, pods: &[&'static str]) -> BTreeMap<String, Vec<&'static str>> {
    let entry = |number| json!({"name": stage(number), "build": build(shop, round, &stage(number))});
    let steps: Vec<_> = (0..SERVICES).map(entry).collect();
    Workflow::of_step(POOLED, &json!({"steps": steps}), &json!({})).succeeds();
    let mut builders = builders(round, pods);
    // The first build of a process waits two seconds for the daemons, which may be too short while other tests run.
    builders.remove(&stage(0));
    assert_eq!(builders.len(), SERVICES - 1, "{builders:?}");
    assert!(builders.values().all(|pods| pods.len() == 1), "each is built once: {builders:?}");
    builders
}

/// Waits until another pod than the one with `uid` has the name, and is ready.
fn replaced(name: &str, uid: &Value) {
    let ready = || {
        let pod = get("pool", "pod", name);
        let is_ready = pod["status"]["containerStatuses"][0]["ready"] == true;
        (pod["metadata"]["uid"] != *uid && is_ready).then_some(())
    };
    eventually(
        || format!("another {name}, ready: {:#}", get("pool", "pod", name)["status"]),
        PATIENCE,
        ready,
    );
}

/// One mode is enough: `make e2e` skips it with the shared agent.
mod sidecar {
    use super::*;

    #[tokio::test]
    async fn each_service_has_its_daemon_and_a_deleted_pod_fails_no_build() {
        let gate = Gate::new();
        let stages =
            (0..SERVICES).map(|number| format!("FROM scratch AS {}\nCOPY main.txt /\n", stage(number)));
        let stages: String = stages.collect();
        let shop = Shop::open(&format!("{stages}FROM BASE\n{}", gate.step())).await;
        attempt("bash", &["-euo", "pipefail", "-c", APPLY]).unwrap();
        copy_secrets(POOLED, &["gitea-credentials"]);

        let first = build_all(&shop, "first", &PODS);
        for pod in PODS {
            assert!(first.values().any(|pods| pods[0] == pod), "{pod} has a part of them: {first:?}");
        }

        let running = Workflow::of_build(POOLED, build(&shop, "running", ""), json!({}));
        running.says("RUN until");
        let leaving = builders("running", &PODS)[""][0];
        let uid = get("pool", "pod", leaving)["metadata"]["uid"].clone();
        kubectl(&["delete", "pod", "-n", "pool", leaving, "--wait=false"]);
        let other: Vec<_> = PODS.into_iter().filter(|pod| *pod != leaving).collect();
        build_all(&shop, "while one leaves", &other);
        assert_eq!(get("pool", "pod", leaving)["metadata"]["uid"], uid, "it waits for its build");
        let _open = gate.open();
        running.succeeds();

        replaced(leaving, &uid);
        assert_eq!(build_all(&shop, "back", &PODS), first);
        kubectl(&["delete", "namespace", "pool", POOLED, "--wait=false"]);
        kubectl(&["delete", "pv", "pool-0", "pool-1", "--wait=false"]);
    }
}
