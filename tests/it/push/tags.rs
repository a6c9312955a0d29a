//! Tags that others move at the same time, and steps that are stopped while their tags move.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use argo_buildkit::outcome::Fault;
use argo_buildkit::push_gate::PushGate;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::breaks::{behind, status};
use super::{push, pushing_engine, repository};
use crate::support::engine;
use crate::support::images::{Repository, digest};
use crate::support::net::{PATIENCE, until};
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shared::shared_registry;

fn is_put(seen: &Seen, tag: &str) -> bool {
    seen.method == "PUT" && seen.path.ends_with(&format!("/manifests/{tag}"))
}

fn puts(front: &RegistryFront, tag: &str) -> usize {
    front.seen().iter().filter(|seen| is_put(seen, tag)).count()
}

/// A registry that answers 503 to the first write of `tag`. Then the tag names `other`, which another writer has written.
async fn raced(tag: &str, other: &str) -> RegistryFront {
    let (tag, other, is_moved) = (tag.to_owned(), other.to_owned(), AtomicBool::new(false));
    RegistryFront::start(shared_registry().host(), move |seen| {
        if is_put(seen, &tag) {
            return (!is_moved.swap(true, Ordering::SeqCst)).then(|| status(503));
        }
        let is_asked = seen.method == "HEAD" && seen.path.ends_with(&format!("/manifests/{tag}"));
        let answer = || [("docker-content-digest", other.as_str())].into_response();
        (is_asked && is_moved.load(Ordering::SeqCst)).then(answer)
    })
    .await
}

#[tokio::test]
async fn a_tag_that_another_has_moved_meanwhile_is_not_overwritten() {
    let other = digest(b"other");
    for only_if_absent in [false, true] {
        let (source, target) = (repository("api"), repository("prod"));
        source.image("1", b"layer".to_vec()).await;
        let front = raced("stable", &other).await;
        let fields = json!({"source": format!("{}:1", source.name), "only-if-absent": only_if_absent,
            "targets": format!("{}:1", behind(front.host(), &target)), "tags": "stable"});
        let failed = push(fields).await.unwrap_err();
        assert_eq!((failed.fault, puts(&front, "stable")), (Fault::User, 1), "{}", failed.message);
        assert!(failed.message.contains(&other), "{}", failed.message);
        let first = format!("; moved before it: {}:1", behind(front.host(), &target));
        assert!(failed.message.ends_with(&first), "{}", failed.message);
        assert_eq!(target.checked("1").await, (1, 2));
    }
}

#[tokio::test]
async fn a_signature_that_another_has_written_meanwhile_is_not_overwritten() {
    let (source, target) = (repository("api"), repository("prod"));
    let image = source.image("1", b"layer".to_vec()).await;
    let tag = format!("{}.sig", image["digest"].as_str().unwrap().replace(':', "-"));
    source.image(&tag, b"signature".to_vec()).await;
    let front = raced(&tag, &digest(b"other")).await;
    let fields = json!({"source": format!("{}:1", source.name), "referrers": true,
        "targets": format!("{}:1", behind(front.host(), &target))});
    let failed = push(fields).await.unwrap_err();
    assert_eq!((puts(&front, &tag), target.read("1").await), (1, None), "{}", failed.message);
}

/// An image, and a copy of it to the tags `1` and `2` behind `front`.
async fn two_tags(front: &RegistryFront, target: &Repository) -> Value {
    let source = repository("api");
    source.image("1", b"layer".to_vec()).await;
    let targets = ["1", "2"].map(|tag| format!("{}:{tag}", behind(front.host(), target)));
    json!({"push": {"source": format!("{}:1", source.name), "targets": targets}})
}

/// The job that runs a step closes the gate, waits for the requests in flight, and then drops the step.
#[tokio::test]
async fn a_stop_does_not_wait_for_the_pauses_between_tries() {
    let target = repository("prod");
    let front = RegistryFront::start(shared_registry().host(), |seen| {
        let overloaded = (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "30")]);
        is_put(seen, "1").then(|| overloaded.into_response())
    })
    .await;
    let fields = two_tags(&front, &target).await;
    let (engine, gate) = (pushing_engine(&std::env::temp_dir()), Arc::new(PushGate::new()));
    let stop = async {
        until(
            || "the tag to be written".to_owned(),
            PATIENCE,
            async || (puts(&front, "1") > 0).then_some(()),
        )
        .await;
        gate.close();
        gate.idle().await;
    };
    tokio::select! {
        ended = engine::run_behind(&engine, "builds", &fields, gate.clone(), PATIENCE * 10) => panic!("{ended:?}"),
        () = stop => {}
    }
    assert_eq!((target.read("1").await, target.read("2").await), (None, None));
}

#[tokio::test]
async fn no_tag_moves_after_a_stop_and_the_error_says_which_have() {
    let (target, gate) = (repository("prod"), Arc::new(PushGate::new()));
    let closes = gate.clone();
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        if is_put(seen, "1") {
            closes.close();
        }
        None
    })
    .await;
    let fields = two_tags(&front, &target).await;
    let engine = pushing_engine(&std::env::temp_dir());
    let failed = engine::run_behind(&engine, "builds", &fields, gate, PATIENCE).await.unwrap_err();
    let name = behind(front.host(), &target);
    let said = format!("before tag {name}:2 moved; run it again; moved before it: {name}:1");
    assert!(failed.message.ends_with(&said), "{}", failed.message);
    assert_eq!(failed.fault, Fault::Transient);
    assert_eq!((target.checked("1").await, target.read("2").await), ((1, 2), None));
}

#[tokio::test]
async fn no_tag_moves_when_the_steps_time_is_all_but_over() {
    let target = repository("prod");
    let front = RegistryFront::start(shared_registry().host(), |_| None).await;
    let fields = two_tags(&front, &target).await;
    let engine = pushing_engine(&std::env::temp_dir());
    let time = Duration::from_millis(900);
    let failed = engine::run_behind(&engine, "builds", &fields, Arc::default(), time).await.unwrap_err();
    assert!(failed.message.ends_with("run it again; no tag has moved"), "{}", failed.message);
    assert_eq!((puts(&front, "1"), puts(&front, "2")), (0, 0));
}
