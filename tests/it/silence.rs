//! A peer that falls silent and closes nothing: every call ends at its limit, as a fault that may pass, and says of whom it was
//! tired and after how long. Nothing else waits for it.

mod buildkit;
mod check;
mod forge;
mod git;
mod kube;
mod registry;
mod telemetry;

use std::time::Duration;

use argo_buildkit::time_limits::calls::ALL;

use crate::support::black_hole::{BlackHole, Hole, Towards};

/// A limit that no call which ends at another's would name.
const LIMIT: Duration = Duration::from_millis(1370);
/// How a message has it.
const LIMIT_TEXT: &str = "1.37 s";

/// For calls that are to be under way while others are made.
const HOUR: Duration = Duration::from_secs(3600);

/// After so long a call is taken to last for ever.
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

/// What a call ended with through a hole in the relay at this address.
struct Through<T, E> {
    hole: Hole,
    host: String,
    ended: Result<T, E>,
}

/// Makes `call` with the address of a relay before `upstream`: once as it is meant, and then with holes at several bytes in both
/// directions. No call ends well; what each ends with, `given_up` accepts.
async fn through_holes<T, E: std::fmt::Debug>(
    upstream: &str,
    call: impl AsyncFn(String) -> Result<T, E>,
    given_up: impl Fn(&E, &str),
) {
    for through in some_holes(upstream, &[], call).await {
        refused(through, &given_up);
    }
}

/// The same for calls that end with the server's last byte: that one is withheld too.
async fn through_holes_to_the_last<T, E: std::fmt::Debug>(
    upstream: &str,
    call: impl AsyncFn(String) -> Result<T, E>,
    given_up: impl Fn(&E, &str),
) {
    for through in some_holes(upstream, &[Towards::Client], call).await {
        refused(through, &given_up);
    }
}

/// The same for calls that may do without the end of what is sent, or have done their work when it is missing.
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
    // At half of it something that is needed is always missing.
    let holes = holes.flat_map(|(towards, all)| {
        // Two signatures of one key may differ by some bytes.
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

/// What `call` ends with; it does end.
async fn ended<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(FOR_EVER, call).await.unwrap()
}

/// Makes `beside` while `stuck` waits, both with the client that `make` makes for a relay before `upstream`, of which the first
/// connection lets no answer through.
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

/// The message names the peer and the limit that was set.
fn names(message: &str, peer: &str, limit: &str) {
    assert!(message.contains(peer) && message.contains(limit), "{message} (of {peer}, {limit})");
}
