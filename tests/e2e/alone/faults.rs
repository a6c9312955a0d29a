//! The agent's pod, buildkitd's pod or the controller is killed during a build.

use crate::cluster::{PATIENCE, attempt, eventually, kubectl, list};
use crate::gate::Gate;
use crate::mode::{AGENT, Mode, leader, mode};
use crate::shop::Shop;
use crate::support::process::Process;
use crate::workflow::{BUILDS, Workflow};

/// A build whose last step ends when the test allows it.
struct Gated {
    shop: Shop,
    gate: Gate,
}

impl Gated {
    async fn open() -> Self {
        let gate = Gate::new();
        let dockerfile = format!("FROM BASE\nRUN cat /proc/sys/kernel/random/uuid > /once\n{}", gate.step());
        Self { shop: Shop::open(&dockerfile).await, gate }
    }

    /// Submits it, and waits until its last step runs.
    fn start(&self) -> Workflow {
        let workflow = self.shop.submit("ci-cd-buildkit-deploy", &[]);
        workflow.says("[3/3] RUN");
        workflow
    }

    /// Lets the last step end.
    fn release(&self) -> Process {
        self.gate.open()
    }

    /// Checks that the workflow's image is in the registry and, with one commit, in the manifest.
    async fn deployed(&self, workflow: &Workflow) {
        let outputs = workflow.succeeds();
        let manifest = self.shop.gitops.read("main", "app/deployment.yaml").await.unwrap();
        assert!(manifest.contains(outputs.get("digest")), "{outputs:?}\n{manifest}");
        assert_eq!(self.shop.gitops.commits("main").await.len(), 2, "laid out, written back, and no more");
    }
}

fn delete_now(namespace: &str, labels: &str) {
    kubectl(&["delete", "pod", "-n", namespace, "-l", labels, "--force", "--grace-period=0"]);
}

/// Kills the sidecar of `workflow`, and waits for another.
fn kill_sidecar(workflow: &Workflow) {
    let labels = format!("workflows.argoproj.io/workflow={}", workflow.name);
    let old = workflow.agent().unwrap()["metadata"]["uid"].clone();
    delete_now(BUILDS, &labels);
    let other = || workflow.agent().filter(|pod| pod["metadata"]["uid"] != old);
    eventually(|| format!("another agent of {}", workflow.report()), PATIENCE, other);
}

/// Kills the leading replica of the shared agent, and waits until another leads.
fn kill_leader() {
    let name = |pod: &serde_json::Value| pod["metadata"]["name"].as_str().unwrap().to_owned();
    let old = name(&leader());
    kubectl(&["delete", "pod", "-n", AGENT, &old, "--force", "--grace-period=0"]);
    let other = || Some(name(&leader())).filter(|new| *new != old);
    let new = eventually(|| format!("another leader than {old}"), PATIENCE, other);
    println!("{new} leads after {old}");
}

#[tokio::test]
async fn a_deleted_agent_pod_costs_a_build_nothing_but_time() {
    let gated = Gated::open().await;
    let workflow = gated.start();
    match mode() {
        Mode::Sidecar => kill_sidecar(&workflow),
        Mode::Agent => kill_leader(),
    }
    let _gate = gated.release();
    gated.deployed(&workflow).await;
}

#[tokio::test]
async fn a_killed_buildkitd_costs_a_build_nothing_but_time() {
    let gated = Gated::open().await;
    let workflow = gated.start();
    delete_now("buildkit", "app.kubernetes.io/name=buildkitd");
    let _gate = gated.release();
    gated.deployed(&workflow).await;
}

#[tokio::test]
async fn a_restarted_controller_finds_the_build_as_it_was() {
    let gated = Gated::open().await;
    let workflow = gated.start();
    restart_controller();
    let _gate = gated.release();
    gated.deployed(&workflow).await;
}

/// Ends Argo's controller, and waits for the next one.
pub(super) fn restart_controller() {
    delete_now("argo", "app=workflow-controller");
    let running = || {
        list("argo", "pod", "app=workflow-controller").into_iter().find(|p| p["status"]["phase"] == "Running")
    };
    eventually(|| "the controller".to_owned(), PATIENCE, running);
}

/// Only for the shared agent: `make e2e` skips it with sidecars.
mod agent {
    use super::*;

    /// No watch can continue at its position, because etcd deletes the history meanwhile.
    #[tokio::test]
    async fn an_api_server_that_was_away_costs_a_build_nothing_but_time() {
        let gated = Gated::open().await;
        let workflow = gated.start();
        attempt("tests/cluster/restart-api", &["10"]).unwrap();
        let _gate = gated.release();
        gated.deployed(&workflow).await;
        // Later events are seen.
        gated.shop.submit("build-push", &[]).succeeds();
    }
}
