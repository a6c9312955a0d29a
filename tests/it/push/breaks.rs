//! Overloaded registries, broken connections and tokens that expire.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argo_buildkit::outcome::Fault;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::{push, push_within, repository};
use crate::support::cutting_proxy::CuttingProxy;
use crate::support::fault_registry::hanging_up;
use crate::support::images::{Repository, digest};
use crate::support::registry_front::{RegistryFront, Seen, cut};
use crate::support::resuming_registry::ResumingRegistry;
use crate::support::scripted::{challenge, ok, redirect};
use crate::support::shared::shared_registry;

/// Content that does not repeat, so that a wrong order of its parts has another digest.
pub(super) fn noise(size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(size as u64);
    std::iter::repeat_with(|| random.u8(..)).take(size).collect()
}

pub(super) fn status(status: u16) -> Response {
    StatusCode::from_u16(status).unwrap().into_response()
}

/// `HOST/NAME` of the same repository behind `host`.
pub(super) fn behind(host: &str, repository: &Repository) -> String {
    format!("{host}/{}", repository.name.split_once('/').unwrap().1)
}

#[tokio::test]
async fn every_request_of_a_copy_may_fail_once() {
    for code in [429, 500, 503] {
        let (source, target) = (repository("api"), repository("prod"));
        source.platforms("1").await;
        source.image("large", noise(12 << 20)).await;
        let once = move |seen: &Seen| (seen.before == 0).then(|| status(code));
        let from = RegistryFront::start(shared_registry().host(), once).await;
        let to = RegistryFront::start(shared_registry().host(), once).await;
        let fields = json!({"source": format!("{}:1", behind(from.host(), &source)),
            "targets": format!("{}:1", behind(to.host(), &target))});
        let done = push(fields).await.unwrap();
        assert_eq!(done.outputs["changed"], "true");
        assert_eq!(target.checked("1").await, (5, 8), "{code}");
        let fields = json!({"source": format!("{}:large", behind(from.host(), &source)),
            "targets": format!("{}:large", behind(to.host(), &target))});
        push(fields).await.unwrap();
        assert_eq!(target.checked("large").await, (1, 2), "{code}");
        assert!(to.methods().contains(&"PATCH".to_owned()));
    }
}

#[tokio::test]
async fn a_manifest_whose_parts_are_not_found_at_once_is_sent_again() {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", b"layer".to_vec()).await;
    let front = RegistryFront::start(shared_registry().host(), |seen| {
        (seen.method == "PUT" && seen.path.contains("/manifests/") && seen.before < 2).then(|| status(404))
    })
    .await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", behind(front.host(), &target))});
    push(fields).await.unwrap();
    assert_eq!(target.checked("1").await, (1, 2));
}

#[tokio::test]
async fn a_read_goes_on_where_it_broke() {
    let (source, target) = (repository("api"), repository("prod"));
    let layer = noise(12 << 20);
    source.image("1", layer.clone()).await;
    let (wrong, body) = (digest(&layer), layer.clone());
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        let is_broken = seen.method == "GET" && seen.path.ends_with(&wrong) && seen.before < 1;
        is_broken.then(|| cut(&body, 7 << 20))
    })
    .await;
    let fields = json!({"source": format!("{}:1", behind(front.host(), &source)), "targets": format!("{}:1", target.name)});
    push(fields).await.unwrap();
    assert_eq!(target.checked("1").await, (1, 2));
    let ranges: Vec<_> =
        front.seen().into_iter().filter(|seen| seen.path.ends_with(&digest(&layer))).collect();
    assert_eq!(ranges.len(), 2, "{ranges:?}");
    let from: usize = ranges[1].range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
    assert!((1..=7 << 20).contains(&from), "{ranges:?}");
}

/// The address in object storage is signed, and expires.
#[tokio::test]
async fn a_store_that_refuses_is_asked_again_and_named() {
    for refusals in [1, 100] {
        let store = RegistryFront::start(shared_registry().host(), move |seen| {
            (seen.before < refusals).then(|| status(403))
        })
        .await;
        let (source, target) = (repository("api"), repository("prod"));
        source.image("1", b"layer".to_vec()).await;
        let to = store.host().to_owned();
        let front = RegistryFront::start(shared_registry().host(), move |seen| {
            let is_read = seen.method == "GET" && seen.path.contains("/blobs/");
            is_read.then(|| redirect(307, &format!("http://{to}{}", seen.path)))
        })
        .await;
        let fields = json!({"source": format!("{}:1", behind(front.host(), &source)), "targets": format!("{}:1", target.name)});
        match push_within(fields, Duration::from_secs(10)).await {
            Ok(_) => assert_eq!((refusals, target.checked("1").await), (1, (1, 2))),
            Err(failed) => {
                let said = format!("redirects to http://{}, which answered 403", store.host());
                assert!(refusals == 100 && failed.message.contains(&said), "{}", failed.message);
                assert_eq!(failed.fault, Fault::Transient);
            }
        }
    }
}

#[tokio::test]
async fn an_upload_whose_connection_is_cut_is_completed() {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", noise(23 << 20)).await;
    let cuts = [3, 11, 17, 21].map(|mebibytes| mebibytes << 20).to_vec();
    let proxy = CuttingProxy::start(shared_registry().host(), cuts).await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", behind(proxy.host(), &target))});
    push(fields).await.unwrap();
    assert_eq!(target.checked("1").await, (1, 2));
    assert_eq!(proxy.sent().1, 0, "every cut has happened");
}

#[tokio::test]
async fn a_tag_stays_where_it_is_if_the_copy_fails() {
    let (source, target) = (repository("api"), repository("prod"));
    source.platforms("1").await;
    let old = target.image("1", b"old".to_vec()).await;
    let front = RegistryFront::start(shared_registry().host(), |seen| {
        (seen.method != "GET" && seen.path.contains("/blobs/uploads/")).then(|| status(403))
    })
    .await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", behind(front.host(), &target))});
    let refused = push(fields).await.unwrap_err();
    assert!(refused.message.contains("refused the login (403, as nobody)"), "{}", refused.message);
    assert_eq!(refused.fault, Fault::User);
    assert_eq!(digest(&target.read("1").await.unwrap()), old["digest"]);
}

#[tokio::test]
async fn a_registry_that_stays_away_is_an_error_that_may_pass() {
    let target = repository("prod");
    let fields =
        json!({"source": format!("{}/a:1", hanging_up().await), "targets": format!("{}:1", target.name)});
    let failed = push(fields).await.unwrap_err();
    assert_eq!(failed.fault, Fault::Transient, "{}", failed.message);
    assert!(failed.message.contains("cannot reach registry"), "{}", failed.message);
}

#[tokio::test]
async fn a_blob_that_is_refused_at_its_end_each_time_is_sent_four_times_at_most() {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", noise(6 << 20)).await;
    let full =
        |seen: &Seen| (seen.method == "PUT" && seen.path.contains("/blobs/uploads/")).then(|| status(500));
    let front = RegistryFront::start(shared_registry().host(), full).await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", behind(front.host(), &target))});
    let failed = push(fields).await.unwrap_err();
    assert_eq!(failed.fault, Fault::Transient, "{}", failed.message);
    let begun = front.seen().into_iter().filter(|seen| seen.method == "POST").count();
    assert!(begun <= 2 * 4, "the layer and the configuration: {begun} uploads");
}

/// The registry keeps what it has received, so little is sent twice.
#[tokio::test]
async fn an_upload_that_is_cut_ten_times_sends_hardly_anything_twice() {
    let source = repository("api");
    let layer = noise(60 << 20);
    source.image("1", layer.clone()).await;
    let registry = ResumingRegistry::start().await;
    let cuts: Vec<_> = (1..=10).map(|n| n * (5 << 20) + 777_777).collect();
    let proxy = CuttingProxy::start(registry.host(), cuts).await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}/a:1", proxy.host())});
    push(fields).await.unwrap();
    assert_eq!(registry.blob(&digest(&layer)), Some(layer.len()));
    let (sent, left) = proxy.sent();
    assert_eq!(left, 0, "every cut has happened");
    assert!(sent < layer.len() as u64 * 105 / 100, "{sent} bytes were sent for {}", layer.len());
}

#[tokio::test]
async fn a_token_that_expires_within_a_blob_is_renewed() {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", noise(23 << 20)).await;
    let [from, to] = [expiring().await, expiring().await];
    let fields = json!({"source": format!("{}:1", behind(from.host(), &source)),
        "targets": format!("{}:1", behind(to.host(), &target))});
    push(fields).await.unwrap();
    assert_eq!(target.checked("1").await, (1, 2));
    let tokens = to.seen().into_iter().filter(|seen| seen.path.starts_with("/token")).count();
    assert!(tokens > 2, "{tokens}");
}

#[tokio::test]
async fn a_token_that_one_task_has_renewed_is_that_of_all() {
    let (source, target) = (repository("api"), repository("prod"));
    source.platforms("1").await;
    let front = expiring_once().await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", behind(front.host(), &target))});
    push(fields).await.unwrap();
    assert_eq!(target.checked("1").await, (5, 8));
    let tokens = front.seen().into_iter().filter(|seen| seen.path.starts_with("/token")).count();
    assert!(tokens <= 1 + 3, "{tokens} tokens, and three tasks at most renew theirs at the same time");
}

/// A registry whose first token is good for two requests.
async fn expiring_once() -> RegistryFront {
    let uses = AtomicUsize::new(0);
    RegistryFront::start(shared_registry().host(), move |seen| {
        let first = "Bearer first";
        if seen.path.starts_with("/token") {
            let token = if seen.before == 0 { "first" } else { "second" };
            return Some(ok("application/json", json!({"token": token}).to_string()));
        }
        let is_good = match seen.authorization.as_str() {
            given if given == first => uses.fetch_add(1, Ordering::SeqCst) < 2,
            given => !given.is_empty(),
        };
        (!is_good).then(|| challenge(&format!("http://{}/token", seen.host)))
    })
    .await
}

/// A registry whose tokens are good for two requests.
async fn expiring() -> RegistryFront {
    let issued = Mutex::new(HashMap::<String, u32>::new());
    RegistryFront::start(shared_registry().host(), move |seen| {
        let mut issued = issued.lock().unwrap();
        if seen.path.starts_with("/token") {
            let token = format!("token-{}", issued.len());
            issued.insert(format!("Bearer {token}"), 2);
            return Some(ok("application/json", json!({"token": token}).to_string()));
        }
        match issued.get_mut(&seen.authorization) {
            Some(left @ 1..) => {
                *left -= 1;
                None
            }
            _ => Some(challenge(&format!("http://{}/token", seen.host))),
        }
    })
    .await
}
