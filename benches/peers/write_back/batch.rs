//! A hundred workflows that write to one branch at once, through one sidecar.

use std::thread;
use std::time::{Duration, Instant};

use super::super::http::Connection;
use super::super::sidecar::Sidecar;
use super::super::table::{Table, median, ms, quantile};
use super::fleet::{Fleet, VALUES};

const ROUNDS: usize = 5;
/// Between two polls of a job: the shortest that the sidecar asks of the agent.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at the branch.
const TICK: Duration = Duration::from_millis(1);

pub(super) fn a_hundred_writers(fleet: &Fleet, table: &mut Table) {
    let rounds = (0..ROUNDS).map(|round| at_once(fleet, round));
    let (commits, walls): (Vec<f64>, Vec<f64>) = rounds.unzip();
    let what = format!("{VALUES} writers in one process: ");
    table.alone(&format!("{what}worst of {ROUNDS}"), "commits", quantile(&commits, 1.0), Some(1.0));
    table.alone(&format!("{what}first request to last commit"), "ms", median(&walls), Some(1000.0));
}

/// The commits of one round on a fresh sidecar, and milliseconds from the first request to the last commit.
fn at_once(fleet: &Fleet, round: usize) -> (f64, f64) {
    let secrets = fleet.secrets().display().to_string();
    let running = VALUES.to_string();
    let token = fleet.secrets().join("token");
    let (sidecar, _) = Sidecar::serve(&token, &["--secrets-dir", &secrets, "--max-running", &running]);
    let step = |nth: usize| fleet.step(&fleet.url(), nth, &format!("round-{round}"));
    let requests: Vec<_> =
        (0..VALUES).map(|nth| sidecar.request(&format!("writer-{round}-{nth}"), &step(nth))).collect();
    let mut connections: Vec<_> =
        requests.iter().map(|_| Connection::open(sidecar.address).unwrap()).collect();
    let (before, started) = (fleet.commits(), Instant::now());
    let last = thread::scope(|scope| {
        let writers = connections.iter_mut().zip(&requests);
        let writers: Vec<_> =
            writers.map(|(connection, request)| scope.spawn(|| write(connection, request))).collect();
        watch(fleet, started, || writers.iter().all(thread::ScopedJoinHandle::is_finished))
    });
    ((fleet.commits() - before) as f64, ms(last))
}

/// When the branch moved last, until it is `done`.
fn watch(fleet: &Fleet, started: Instant, done: impl Fn() -> bool) -> Duration {
    let (mut tip, mut last) = (fleet.tip(), Duration::ZERO);
    while !done() {
        let now = fleet.tip();
        if now != tip {
            (tip, last) = (now, started.elapsed());
        }
        thread::sleep(TICK);
    }
    last
}

/// Polls one write to its end.
fn write(connection: &mut Connection, request: &[u8]) {
    loop {
        let reply = connection.execute(request).unwrap();
        let reply: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        match reply["node"]["phase"].as_str() {
            Some("Succeeded") => return,
            Some("Pending" | "Running") => thread::sleep(PAUSE),
            _ => panic!("a write failed: {reply}"),
        }
    }
}
