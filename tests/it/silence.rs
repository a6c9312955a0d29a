//! A peer that falls silent and closes nothing. Every call ends at its limit with a transient error, which names the
//! peer and the time. Nothing else waits for it.

mod buildkit;
mod check;
mod forge;
mod git;
mod kube;
mod notify;
mod registry;
mod telemetry;

use std::time::Duration;

use argo_buildkit::time_limits::calls::ALL;

use crate::support::black_hole::{BlackHole, Hole, Towards};

/// A limit that differs from all others, so that the error shows which one ended the call.
const LIMIT: Duration = Duration::from_millis(1370);
/// The limit as messages show it.
const LIMIT_TEXT: &str = "1.37 s";

/// A limit for calls that must stay in progress while others are made.
const HOUR: Duration = Duration::from_secs(3600);

/// After this time, a call counts as endless.
const FOR_EVER: Duration = Duration::from_secs(180);

/// The table of docs/operate.md.
const DOCS: &str = include_str!("../../docs/operate.md");

#[test]
fn the_documentation_has_every_limit() {
    let table = DOCS.split("\n## Limits\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let seconds =
        |limit: Option<Duration>| limit.map_or(String::new(), |limit| format!("{} ", limit.as_secs()));
    for call in ALL {
        let row = format!("| {} | {}| {}| ", call.name, seconds(call.whole), seconds(call.silence));
        assert!(rows.iter().any(|line| line.starts_with(&row)), "a row `{row}`");
    }
    assert_eq!(rows.len(), ALL.len(), "{rows:#?}");
}

#[test]
fn every_call_has_a_limit() {
    assert!(ALL.iter().all(|call| call.whole.is_some() || call.silence.is_some()));
}

/// The result of a call through a relay at this address, with a hole.
struct Through<T, E> {
    hole: Hole,
    host: String,
    ended: Result<T, E>,
}

/// Makes `call` with the address of a relay in front of `upstream`: first without a hole, and then with holes after
/// several numbers of bytes in both directions. With a hole, every call must fail, and `given_up` must accept the
/// error.
async fn through_holes<T, E: std::fmt::Debug>(
    upstream: &str,
    call: impl AsyncFn(String) -> Result<T, E>,
    given_up: impl Fn(&E, &str),
) {
    for through in some_holes(upstream, &[], call).await {
        refused(through, &given_up);
    }
}

/// The same for calls that end with the server's last byte, which is also withheld.
async fn through_holes_to_the_last<T, E: std::fmt::Debug>(
    upstream: &str,
    call: impl AsyncFn(String) -> Result<T, E>,
    given_up: impl Fn(&E, &str),
) {
    for through in some_holes(upstream, &[Towards::Client], call).await {
        refused(through, &given_up);
    }
}

/// The same for calls that do not need the end of the data, or have finished their work when it is missing.
async fn through_first_holes<T, E: std::fmt::Debug>(
    upstream: &str,
    call: impl AsyncFn(String) -> Result<T, E>,
    given_up: impl Fn(&E, &str),
) {
    for through in some_holes(upstream, &[], call).await {
        if through.hole.after <= 1 || through.ended.is_err() {
            refused(through, &given_up);
        }
    }
}

fn refused<T, E: std::fmt::Debug>(through: Through<T, E>, given_up: impl Fn(&E, &str)) {
    match through.ended {
        Ok(_) => panic!("the call went well, without the bytes after {:?}", through.hole),
        Err(error) => given_up(&error, &through.host),
    }
}

async fn some_holes<T, E: std::fmt::Debug>(
    upstream: &str,
    to_the_last: &[Towards],
    call: impl AsyncFn(String) -> Result<T, E>,
) -> Vec<Through<T, E>> {
    let relay = BlackHole::start(upstream, None).await;
    ended(call(relay.host().to_owned())).await.unwrap();
    let carried = |towards| (towards, relay.carried(towards));
    let holes = [Towards::Server, Towards::Client].map(carried).into_iter();
    // At half of the bytes, something that is needed is always missing.
    let holes = holes.flat_map(|(towards, all)| {
        // Two signatures with one key may differ by some bytes.
        let last = to_the_last.contains(&towards).then(|| all - 8);
        [0, 1, all / 2].into_iter().chain(last).map(move |after| Hole { towards, after })
    });
    let calls = holes.map(async |hole| {
        let relay = BlackHole::start(upstream, Some(hole)).await;
        let host = relay.host().to_owned();
        Through { hole, ended: ended(call(host.clone())).await, host }
    });
    futures_util::future::join_all(calls).await
}

/// The result of `call`, which must end.
async fn ended<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(FOR_EVER, call).await.unwrap()
}

/// Makes `beside` while `stuck` waits. Both use the client that `make` makes for a relay in front of `upstream`; the
/// relay forwards no answer on its first connection.
async fn beside<C, T, B>(
    upstream: &str,
    make: impl AsyncFnOnce(String) -> C,
    stuck: impl AsyncFnOnce(&C) -> T,
    beside: impl AsyncFnOnce(&C) -> B,
) -> B {
    let relay = BlackHole::start_first(upstream, Hole { towards: Towards::Client, after: 0 }).await;
    let client = make(relay.host().to_owned()).await;
    let made = async {
        relay.reached().await;
        beside(&client).await
    };
    tokio::select! {
        _ = stuck(&client) => panic!("a call that is stuck has ended"),
        made = ended(made) => made,
    }
}

/// Checks that the message names the peer and the limit.
fn names(message: &str, peer: &str, limit: &str) {
    assert!(message.contains(peer) && message.contains(limit), "{message} (of {peer}, {limit})");
}
