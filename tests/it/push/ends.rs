//! A copy that is stopped or runs out of time moves no tag, and a tag that moves meanwhile changes no copy.

use serde_json::{Value, json};

use super::breaks::{behind, noise};
use super::{push, repository};
use crate::support::black_hole::{BlackHole, Hole, Towards};
use crate::support::images::Repository;
use crate::support::plugin::{Setup, Workflow, expect_phase};
use crate::support::registry_front::RegistryFront;
use crate::support::scripted::ok;
use crate::support::shared::shared_registry;
use crate::support::shop::template;

/// How many bytes of an upload arrive before the registry's silence.
const ARRIVED: usize = 3 << 20;

/// A copy of 12 MiB to a registry that falls silent in the middle: the step, the target, and the relay.
async fn stuck() -> (Value, Repository, BlackHole) {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", noise(12 << 20)).await;
    let hole = Hole { towards: Towards::Server, after: ARRIVED };
    let relay = BlackHole::start(shared_registry().host(), Some(hole)).await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", behind(relay.host(), &target)),
        "tags": "2"});
    (fields, target, relay)
}

async fn untouched(target: &Repository) {
    for tag in ["1", "2"] {
        assert_eq!(target.read(tag).await, None, "{tag}");
    }
}

#[tokio::test]
async fn a_copy_ends_at_its_timeout_and_says_how_far_it_was() {
    let (fields, target, _relay) = stuck().await;
    let mut step = template(json!({"push": fields}));
    step["timeout"] = json!("6s");
    let plugin = Setup::new("tcp://127.0.0.1:1").start();
    let node = plugin.drive(&Workflow::new(), &step).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains("took longer than its timeout of 6.0 s, during: copying: "), "{message}");
    untouched(&target).await;
}

#[tokio::test]
async fn a_copy_that_is_stopped_moves_no_tag() {
    let (fields, target, relay) = stuck().await;
    tokio::select! {
        ended = push(fields) => panic!("{ended:?}"),
        () = relay.reached() => {}
    }
    untouched(&target).await;
}

#[tokio::test]
async fn a_tag_that_moves_meanwhile_is_copied_as_it_was() {
    let (source, target) = (repository("api"), repository("prod"));
    let old = source.image("1", b"old".to_vec()).await;
    let bytes = source.read("1").await.unwrap();
    source.image("1", b"new".to_vec()).await;
    let kind = old["mediaType"].as_str().unwrap().to_owned();
    // The first who asks sees the tag before it moved.
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        let is_first = seen.method == "GET" && seen.path.ends_with("/manifests/1") && seen.before == 0;
        is_first.then(|| ok(&kind, bytes.clone()))
    })
    .await;
    let fields = json!({"source": format!("{}:1", behind(front.host(), &source)), "targets": format!("{}:1", target.name)});
    let done = push(fields).await.unwrap();
    assert_eq!(
        (&done.outputs["digest"], &done.outputs["resolved"]),
        (&old["digest"].as_str().unwrap().to_owned(), &old["digest"].as_str().unwrap().to_owned())
    );
    assert_eq!(target.checked("1").await, (1, 2));
    let asked = front.seen().into_iter().filter(|seen| seen.path.ends_with("/manifests/1")).count();
    assert_eq!(asked, 1, "the tag is resolved once");
}
