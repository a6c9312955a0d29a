//! The shared agent dies while pushes arrive.

use std::time::Instant;

use serde_json::{Value, json};

use crate::alone::events::{kill, sweep};
use crate::cluster::{NODE, PATIENCE, eventually, get};
use crate::events::pushes::{Service, closed_gate};
use crate::events::workflow_of;
use crate::mode;

/// Both replicas: the one that works, and the one that waits for its Lease.
const AGENT: &str = "/argo-buildkit agent";

/// Both replicas are killed while two builds run. Two pushes come just before that, and two just after it.
#[tokio::test]
#[ignore = "takes time that CI does not have: make e2e-more"]
async fn after_a_killed_agent_and_one_sweep_every_head_is_built_exactly_once() {
    let (port, _httpd, gate) = closed_gate();
    let wait = format!("RUN until wget -q -O /dev/null http://{NODE}:{port}/; do sleep 0.2; done\n");
    let mut services = Vec::new();
    for _ in 0..6 {
        services.push(Service::new(&format!("FROM BASE\nCOPY main.txt /\n{wait}")).await);
    }
    let began = Instant::now();
    let mut commits = push(&services[..2]).await;
    for (service, commit) in services.iter().zip(&commits) {
        workflow_of(&service.full_name(), commit, began).says("[3/3] RUN");
    }
    commits.extend(push(&services[2..4]).await);
    kill(AGENT);
    let (killed, last) = (Instant::now(), renewed());
    commits.extend(push(&services[4..]).await);
    eventually(|| "a leader".to_owned(), PATIENCE, || (renewed() != last).then_some(()));
    println!("{:.2?} after the kill: a replica leads", killed.elapsed());
    std::fs::write(gate.path().join("index.html"), "open").unwrap();
    let wishes: Vec<_> = services.iter().map(Service::to_sweep).collect();
    let outputs = sweep(&json!(wishes)).succeeds();
    println!("the sweep submitted {}", outputs.get("submitted"));
    for (service, commit) in services.iter().zip(&commits) {
        service.deployed(commit, began).await;
        assert_eq!(service.workflows().len(), 1, "{:#?}", service.workflows());
        service.built_once(commit).await;
    }
    println!("{:.2?} after the first of {} pushes: each was built once", began.elapsed(), commits.len());
}

async fn push(services: &[Service]) -> Vec<String> {
    let mut commits = Vec::new();
    for service in services {
        commits.push(service.push("while the agent died").await);
    }
    commits
}

/// When the Lease was renewed last.
fn renewed() -> Value {
    get(mode::AGENT, "lease", mode::AGENT)["spec"]["renewTime"].take()
}
