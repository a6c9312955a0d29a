//! The shared agent on a real API server: how soon it reports a result, and what it occupies with a thousand tasks.

mod observer;
mod process;
mod tasks;

use std::time::{Duration, Instant};

use super::flight::{silent_server, step};
use super::support::argo::install_crds;
use super::support::kube::Kube;
use super::support::net::until;
use super::table::{Table, median, ms, quantile};
use observer::Observer;
use process::Agent;
use tasks::Tasks;

/// Workflows of one round.
const WORKFLOWS: usize = 100;
/// Rounds that are counted; one before them is not.
const ROUNDS: usize = 5;
/// Tasks in flight at a time, where memory is looked at.
const IN_FLIGHT: usize = 1000;
/// Until a process that does nothing is taken to be at rest.
const REST: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(300);

/// What one round took.
struct Round {
    /// Of each task, from the watch event with which it came to be until that with its result, in milliseconds.
    latencies: Vec<f64>,
    /// Tasks per second, from the first of those events to the last.
    throughput: f64,
}

pub(crate) fn measure(table: &mut Table) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let kube = Kube::shared().await;
        install_crds(kube).await;
        report_no_ops(kube, table).await;
        for running in [IN_FLIGHT, 64] {
            hold_a_thousand(kube, running, table).await;
        }
    });
}

/// Steps that do nothing: what is measured is the way to them and back.
async fn report_no_ops(kube: &Kube, table: &mut Table) {
    let agent = Agent::start(kube, &[]).await;
    tokio::time::sleep(REST).await;
    table.alone("agent: resident, idle", "MiB", agent.resident(), None);
    for (paced, what) in [(Duration::ZERO, "at once"), (Duration::from_millis(20), "20 ms apart")] {
        let mut rounds = Vec::new();
        for number in 0..=ROUNDS {
            rounds.push(round(kube, &format!("no-op-{}-{number}", paced.as_millis()), paced).await);
        }
        add(table, &format!("agent, {WORKFLOWS} workflows {what}"), &rounds[1..]);
    }
}

fn add(table: &mut Table, what: &str, rounds: &[Round]) {
    let latencies: Vec<_> = rounds.iter().flat_map(|round| round.latencies.iter().copied()).collect();
    let throughput: Vec<_> = rounds.iter().map(|round| round.throughput).collect();
    table.alone(&format!("{what}: tasks"), "a second", median(&throughput), None);
    table.alone(&format!("{what}: task visible to result, median"), "ms", median(&latencies), None);
    table.alone(
        &format!("{what}: task visible to result, p99"),
        "ms",
        quantile(&latencies, 0.99),
        Some(50.0),
    );
}

async fn round(kube: &Kube, name: &str, paced: Duration) -> Round {
    let step = serde_json::json!({"supersede": {"enabled": false}});
    let tasks = Tasks::prepare(kube, name, WORKFLOWS, &step).await;
    let mut observer = Observer::begin(&tasks).await;
    tasks.hand_out(paced).await;
    let sights = tokio::time::timeout(PATIENCE, observer.reported(WORKFLOWS)).await.unwrap();
    tasks.delete().await;
    let times = || sights.iter().filter_map(|sight| Some((sight.visible, sight.reported?)));
    let first = times().map(|(visible, _)| visible).min().unwrap();
    let last = times().map(|(_, reported)| reported).max().unwrap();
    Round {
        latencies: times().map(|(visible, reported)| ms(reported - visible)).collect(),
        throughput: WORKFLOWS as f64 / (last - first).as_secs_f64(),
    }
}

/// Steps whose Git server takes the connection and says nothing.
async fn hold_a_thousand(kube: &Kube, running: usize, table: &mut Table) {
    let running = running.to_string();
    let limits = ["--max-running", &running, "--max-running-per-namespace", &running];
    let agent = Agent::start(kube, &limits).await;
    let step = step(silent_server());
    let tasks = Tasks::prepare(kube, &format!("held-{running}"), IN_FLIGHT, &step).await;
    let began = Instant::now();
    tasks.hand_out(Duration::ZERO).await;
    let told =
        async || (agent.jobs().await? == IN_FLIGHT && tasks.reported().await == IN_FLIGHT).then_some(());
    until(|| "all tasks to be in flight, and reported so".to_owned(), PATIENCE, told).await;
    let what = format!("agent, {IN_FLIGHT} tasks in flight, {running} at work");
    table.alone(&format!("{what}: all reported so after"), "s", began.elapsed().as_secs_f64(), None);
    tokio::time::sleep(REST).await;
    table.alone(&format!("{what}: resident"), "MiB", agent.resident(), Some(100.0));
    tasks.delete().await;
}
