//! Registries that have lost something, that are slow or that are full.

use std::convert::Infallible;

use argo_buildkit::oci::{Auth, ImageRef, LazyClient, Registry};
use argo_buildkit::signature::{Claim, PublicKey};
use axum::body::{Body, Bytes};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::registries::behind;
use super::{PUBLIC, count, repository, sign, tag, verify};
use crate::support::images::{INDEX, MANIFEST};
use crate::support::net::{PATIENCE, until};
use crate::support::registry_front::RegistryFront;
use crate::support::scripted::{ok, redirect};
use crate::support::shared::shared_registry;

/// A registry whose blobs are at another server, and are all gone.
async fn without_blobs() -> RegistryFront {
    let store = RegistryFront::start(shared_registry().host(), |_| None).await;
    let gone = format!("http://{}/gone", store.host());
    RegistryFront::start(shared_registry().host(), move |seen| {
        let is_read = seen.method == "GET" && seen.path.contains("/blobs/");
        is_read.then(|| redirect(307, &gone))
    })
    .await
}

#[tokio::test]
async fn a_blob_that_is_gone_from_the_store_is_no_signature() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    sign(&format!("{}:1", repository.name), json!({"annotations": {"by": "another"}})).await.unwrap();
    let front = without_blobs().await;
    let said = verify(&behind(&front, &repository), json!({})).await.unwrap_err().message;
    assert!(said.contains("is not signed by key") && said.contains("it has no signatures"), "{said}");
    let done = sign(&behind(&front, &repository), json!({})).await.unwrap();
    assert_eq!(done.outputs["signatures-added"], "2");
    assert_eq!(count(&repository, image["digest"].as_str().unwrap()).await, (2, 2));
}

/// A store that refuses in another way has that form not count, and no more.
#[tokio::test]
async fn a_store_that_does_not_take_the_request_hides_no_other_form() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    sign(&format!("{}:1", repository.name), json!({})).await.unwrap();
    let signatures = super::manifest(&repository, &tag(image["digest"].as_str().unwrap(), ".sig")).await;
    let payload = signatures.unwrap()["layers"][0]["digest"].as_str().unwrap().to_owned();
    let store = RegistryFront::start(shared_registry().host(), |_| {
        Some((axum::http::StatusCode::METHOD_NOT_ALLOWED, "no").into_response())
    })
    .await;
    let odd = store.host().to_owned();
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        let is_payload = seen.method == "GET" && seen.path.ends_with(&payload);
        is_payload.then(|| redirect(307, &format!("http://{odd}/odd")))
    })
    .await;
    let said = verify(&behind(&front, &repository), json!({})).await.unwrap().summary;
    assert!(said.ends_with("(bundle)"), "{said}");
}

/// Payloads that never come hold little of the memory that all copies share, so that others need not wait for it.
#[tokio::test]
async fn a_registry_that_sends_no_payload_keeps_nobody_from_reading() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    sign(&format!("{}:1", repository.name), json!({})).await.unwrap();
    let silence = || Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
    let is_payload =
        |method: &str, path: &str| method == "GET" && path.contains("/blobs/") && path.contains("sha256:");
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        is_payload(&seen.method, &seen.path).then(|| ok("application/octet-stream", silence()))
    })
    .await;
    let name: ImageRef = behind(&front, &repository).parse().unwrap();
    let claim =
        Claim { digest: image["digest"].as_str().unwrap().to_owned(), annotations: Default::default() };
    let (registry, auth, keys) =
        (Registry::new(LazyClient::new(None)), Auth::default(), PublicKey::read_all(PUBLIC).unwrap());
    let deadline = Instant::now() + PATIENCE;
    let reading = (0..20).map(|_| async {
        let mut store = registry.signatures(&name, &auth, false, false, deadline).unwrap();
        store.verify(&claim, &keys).await
    });
    let asked = || front.seen().iter().filter(|seen| is_payload(&seen.method, &seen.path)).count();
    let all_are_asked = async || (asked() == 20).then_some(());
    tokio::select! {
        () = until(|| "20 payloads to be asked for".to_owned(), PATIENCE, all_are_asked) => {}
        ended = futures_util::future::join_all(reading) => panic!("{ended:?}"),
    }
}

/// Nobody reads a manifest that is larger, so it would hide all signatures.
#[tokio::test]
async fn no_manifest_is_written_that_is_too_large_to_be_read() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    let signatures = format!("/manifests/{}", tag(image["digest"].as_str().unwrap(), ".sig"));
    let layer = json!({"mediaType": "application/vnd.example", "digest": image["digest"], "size": 1,
        "annotations": {"a": "x".repeat((4 << 20) - 500)}});
    let full = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer]}).to_string();
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        (seen.method == "GET" && seen.path.ends_with(&signatures)).then(|| ok(MANIFEST, full.clone()))
    })
    .await;
    let said = sign(&behind(&front, &repository), json!({})).await.unwrap_err().message;
    assert!(said.contains("it has more than 4 MiB, and no more is read; look at who may push"), "{said}");
    assert!(!front.seen().iter().any(|seen| seen.method == "PUT" && seen.path.ends_with(".sig")));
}

#[tokio::test]
async fn an_index_with_a_gap_can_be_signed_alone() {
    let repository = repository();
    let there: Value = repository.image("", b"layer".to_vec()).await;
    let gone = json!({"mediaType": MANIFEST, "digest": format!("sha256:{:064}", 1), "size": 1});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [there, gone]}).to_string();
    let digest = crate::support::images::digest(index.as_bytes());
    let (at, name) = (format!("/manifests/{digest}"), format!("@{digest}"));
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        let is_read = matches!(seen.method.as_str(), "GET" | "HEAD") && seen.path.ends_with(&at);
        is_read.then(|| ok(INDEX, index.clone()))
    })
    .await;
    let image = format!("{}{name}", behind(&front, &repository).trim_end_matches(":1"));
    let said = sign(&image, json!({})).await.unwrap_err().message;
    assert!(
        said.contains("which the registry does not have; `children: false` signs the image's own"),
        "{said}"
    );
    assert!(!said.contains("platforms"), "{said}");
    sign(&image, json!({"children": false})).await.unwrap();
}
