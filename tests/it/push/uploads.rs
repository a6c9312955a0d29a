//! Uploads that a registry loses, refuses or spoils.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argo_buildkit::outcome::Fault;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::breaks::{behind, noise, status};
use super::{push, repository};
use crate::support::images::{Repository, digest};
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::resuming_registry::ResumingRegistry;
use crate::support::scripted::redirect;
use crate::support::shared::shared_registry;

/// The fields of a copy of `source:1` to `target:1` behind `front`.
fn to(front: &RegistryFront, source: &Repository, target: &Repository) -> Value {
    json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", behind(front.host(), target))})
}

fn refusal(code: u16, reason: &str) -> Response {
    let body = json!({"errors": [{"code": reason, "message": "of the test"}]}).to_string();
    (StatusCode::from_u16(code).unwrap(), body).into_response()
}

fn count(front: &RegistryFront, method: &str) -> usize {
    front.seen().iter().filter(|seen| seen.method == method && seen.path.contains("/blobs/uploads/")).count()
}

#[tokio::test]
async fn an_upload_that_the_registry_lost_begins_again() {
    for (method, nth, code, reason) in [
        ("PATCH", 1, 404, "BLOB_UPLOAD_UNKNOWN"),
        ("PATCH", 1, 416, "BLOB_UPLOAD_INVALID"),
        ("PATCH", 1, 400, "BLOB_UPLOAD_INVALID"),
        ("PUT", 0, 400, "DIGEST_INVALID"),
        ("PUT", 0, 400, "SIZE_INVALID"),
        ("PUT", 0, 404, "BLOB_UPLOAD_UNKNOWN"),
    ] {
        let (source, target) = (repository("api"), repository("prod"));
        source.image("1", noise(12 << 20)).await;
        let asked = AtomicUsize::new(0);
        let front = RegistryFront::start(shared_registry().host(), move |seen| {
            let is_it = seen.method == method && seen.path.contains("/blobs/uploads/");
            (is_it && asked.fetch_add(1, Ordering::SeqCst) == nth).then(|| refusal(code, reason))
        })
        .await;
        let done = push(to(&front, &source, &target)).await;
        done.unwrap_or_else(|error| panic!("{method} {code}: {}", error.message));
        assert_eq!(target.checked("1").await, (1, 2), "{method} {code}");
    }
}

#[tokio::test]
async fn an_upload_that_is_always_lost_is_the_registrys_fault_and_says_why() {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", b"layer".to_vec()).await;
    let front = RegistryFront::start(shared_registry().host(), |seen| {
        let is_end = seen.method == "PUT" && seen.path.contains("/blobs/uploads/");
        is_end.then(|| refusal(404, "BLOB_UPLOAD_UNKNOWN"))
    })
    .await;
    let failed = push(to(&front, &source, &target)).await.unwrap_err();
    assert_eq!(failed.fault, Fault::Transient, "{}", failed.message);
    for part in ["lost the upload of blob sha256:", "BLOB_UPLOAD_UNKNOWN of the test", "its disk may be full"]
    {
        assert!(failed.message.contains(part), "{}", failed.message);
    }
}

#[tokio::test]
async fn a_registry_that_is_overloaded_twice_within_a_blob_keeps_what_it_has() {
    let source = repository("api");
    let layer = noise(60 << 20);
    source.image("1", layer.clone()).await;
    let registry = ResumingRegistry::start().await;
    let front = RegistryFront::start(registry.host(), |seen| {
        (seen.method == "PATCH" && matches!(seen.before, 8 | 9)).then(|| status(503))
    })
    .await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}/a:1", front.host())});
    push(fields).await.unwrap();
    assert_eq!(registry.blob(&digest(&layer)), Some(layer.len()));
    assert_eq!((count(&front, "POST"), count(&front, "DELETE")), (2, 0), "the layer and the config");
}

#[tokio::test]
async fn a_complete_blob_is_found_where_the_registry_redirects_to_it() {
    let (source, target) = (repository("api"), repository("prod"));
    let config = source.image("1", noise(6 << 20)).await;
    let written = |seen: &Seen| seen.method == "PUT" && seen.path.contains("/blobs/uploads/");
    let front = RegistryFront::losing_answers(shared_registry().host(), move |seen| match seen {
        seen if written(seen) => Some(status(502)),
        Seen { method, path, before: 1.., .. } if method == "HEAD" && path.contains("/blobs/") => {
            Some(redirect(307, "https://store.example/blob"))
        }
        _ => None,
    })
    .await;
    push(to(&front, &source, &target)).await.unwrap_or_else(|error| panic!("{config}: {}", error.message));
    assert_eq!(target.checked("1").await, (1, 2));
    assert_eq!((count(&front, "POST"), count(&front, "PUT")), (2, 2), "the layer and the config");
}

#[tokio::test]
async fn every_upload_that_is_not_completed_is_cancelled() {
    for code in [403, 500] {
        let (source, target) = (repository("api"), repository("prod"));
        source.image("1", b"layer".to_vec()).await;
        let front = RegistryFront::start(shared_registry().host(), move |seen| {
            (seen.method == "PUT" && seen.path.contains("/blobs/uploads/")).then(|| status(code))
        })
        .await;
        push(to(&front, &source, &target)).await.unwrap_err();
        // The first error ends the other blob's upload, wherever that is.
        let (begun, ended) = (count(&front, "POST"), count(&front, "DELETE"));
        assert!(begun > 0 && begun - ended <= 1, "{code}: {begun} uploads, {ended} cancelled");
    }
}

/// nginx answers 411 to a request without a length (distribution specification: "MUST include").
#[tokio::test]
async fn every_request_of_an_upload_states_its_length() {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", Vec::new()).await;
    let wants = |seen: &Seen| {
        let has_body = matches!(seen.method.as_str(), "POST" | "PATCH" | "PUT");
        (has_body && seen.length.is_empty()).then(|| status(411))
    };
    let front = RegistryFront::start(shared_registry().host(), wants).await;
    push(to(&front, &source, &target)).await.unwrap();
    assert_eq!(target.checked("1").await, (1, 2));
}

/// Answers as the registry does, and asks for chunks of at least `smallest` bytes.
async fn wanting_chunks_of(smallest: usize) -> RegistryFront {
    RegistryFront::changing_answers(shared_registry().host(), move |seen, answer| {
        if seen.method == "POST" {
            let smallest = HeaderValue::from_str(&smallest.to_string()).unwrap();
            answer.headers_mut().insert("oci-chunk-min-length", smallest);
        }
    })
    .await
}

#[tokio::test]
async fn chunks_are_as_large_as_the_registry_wants_them() {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", noise(23 << 20)).await;
    let front = wanting_chunks_of(9 << 20).await;
    push(to(&front, &source, &target)).await.unwrap();
    assert_eq!(target.checked("1").await, (1, 2));
    let sizes: Vec<_> =
        front.seen().into_iter().filter(|seen| seen.method == "PATCH").map(|seen| seen.length).collect();
    assert_eq!(sizes, [(9 << 20).to_string(), (9 << 20).to_string()]);
    let huge = wanting_chunks_of(33 << 20).await;
    let refused = push(to(&huge, &source, &repository("prod"))).await.unwrap_err();
    assert!(
        refused.message.contains("it takes only chunks of 34603008 bytes and more"),
        "{}",
        refused.message
    );
}

/// Without that, each chunk would take the time of the read and that of the upload.
#[tokio::test]
async fn a_chunk_is_sent_while_it_is_read() {
    let source = repository("api");
    let layer = noise(3 << 20);
    source.image("1", layer.clone()).await;
    let registry = Arc::new(ResumingRegistry::start().await);
    let (wanted, body, target) = (digest(&layer), layer.clone(), registry.clone());
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        let is_it = seen.method == "GET" && seen.path.ends_with(&wanted);
        is_it.then(|| in_halves(&body, target.has_received(1 << 20)))
    })
    .await;
    let fields = json!({"source": format!("{}:1", behind(front.host(), &source)),
        "targets": format!("{}/a:1", registry.host())});
    push(fields).await.unwrap();
    assert_eq!(registry.blob(&digest(&layer)), Some(layer.len()));
}

/// An answer whose second half is sent after `between`.
fn in_halves(body: &[u8], between: impl Future<Output = ()> + Send + 'static) -> Response {
    let (first, second) = body.split_at(body.len() / 2);
    let (first, second) = (Bytes::copy_from_slice(first), Bytes::copy_from_slice(second));
    let second = async move {
        between.await;
        Ok::<_, Infallible>(second)
    };
    let halves = stream::once(async { Ok(first) }).chain(stream::once(second));
    ([("content-length", body.len().to_string())], Body::from_stream(halves)).into_response()
}
