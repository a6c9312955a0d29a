//! A thousand jobs in flight: how long a poll takes then.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Instant;

use super::http::Connection;
use super::sidecar::Sidecar;
use super::table::{Table, median, ms, quantile};
use super::world::World;

const JOBS: usize = 1000;
const POLLS: usize = 10_000;
/// The agent's workers (argo-workflows `ARGO_AGENT_TASK_WORKERS`), each with a connection.
const CONNECTIONS: usize = 16;

pub(crate) fn poll_a_thousand(world: &World, table: &mut Table) {
    for running in [JOBS, 16] {
        let silent = silent_server();
        let (sidecar, _) = Sidecar::start(world, &["--max-running", &running.to_string()]);
        let jobs: Vec<_> =
            (0..JOBS).map(|number| sidecar.request(&format!("job-{number}"), &step(silent))).collect();
        let starts = ask(&sidecar, &jobs, JOBS);
        let polls = ask(&sidecar, &jobs, POLLS);
        let what = format!("{JOBS} jobs, {running} at work: ");
        table.alone(&format!("{what}poll, median"), "ms", median(&polls), None);
        table.alone(&format!("{what}poll, p99"), "ms", quantile(&polls, 0.99), Some(5.0));
        table.alone(&format!("{what}first request of a job, p99"), "ms", quantile(&starts, 0.99), None);
        table.alone(&format!("{what}resident"), "MiB", sidecar.resident(), None);
    }
}

/// A build that waits for its Git server for as long as it is let.
pub(crate) fn step(silent: SocketAddr) -> serde_json::Value {
    let context = serde_json::json!({"repo": format!("http://{silent}/shop.git"), "revision": "main"});
    serde_json::json!({"build": {"context": context, "tags": ["registry.invalid/shop/api:1"]}})
}

/// A server that takes connections and never says a word.
pub(crate) fn silent_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut held = Vec::new();
        listener.incoming().for_each(|connection| held.push(connection));
    });
    address
}

/// Asks `count` times for `jobs` in turn, over all connections at once; gives each answer's time.
fn ask(sidecar: &Sidecar, jobs: &[Vec<u8>], count: usize) -> Vec<f64> {
    thread::scope(|scope| {
        let workers = (0..CONNECTIONS).map(|first| scope.spawn(move || worker(sidecar, jobs, first, count)));
        let workers: Vec<_> = workers.collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

fn worker(sidecar: &Sidecar, jobs: &[Vec<u8>], first: usize, count: usize) -> Vec<f64> {
    let mut connection = Connection::open(sidecar.address).unwrap();
    let turns = (first..count).step_by(CONNECTIONS);
    let one = |turn: usize| {
        let started = Instant::now();
        let reply = connection.execute(&jobs[turn % jobs.len()]).unwrap();
        let took = ms(started.elapsed());
        let text = String::from_utf8_lossy(&reply.body);
        assert!(text.contains("Running") || text.contains("Pending"), "{} {text}", reply.status);
        took
    };
    turns.map(one).collect()
}
