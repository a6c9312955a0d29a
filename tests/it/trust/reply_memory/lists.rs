//! Writers of lists of referrers wait for those of the same list alone.

use std::time::Duration;

use argo_buildkit::oci::{Auth, Descriptor, ImageRef, LogArtifact, Registry as Client};
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse as _;
use bytes::Bytes;

use crate::support::net::until;
use crate::support::registry::Registry;
use crate::support::scripted::Scripted;

/// A registry that takes everything, and falls silent when it is asked for a list.
async fn silent() -> Scripted {
    Scripted::start(|_, asked| match (asked.method.as_str(), asked.path.contains("/manifests/sha256-")) {
        ("GET", true) => Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>())
            .into_response(),
        ("POST", _) => (StatusCode::ACCEPTED, [(LOCATION, "/v2/api/blobs/uploads/1")]).into_response(),
        ("PUT", _) => StatusCode::CREATED.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await
}

fn log() -> LogArtifact {
    let media_type = "application/vnd.oci.image.manifest.v1+json".to_owned();
    let subject = Descriptor { media_type, digest: format!("sha256:{}", "a".repeat(64)), size: 2 };
    LogArtifact::new(b"log".to_vec(), Some(subject), "2026-11-21T14:45:01Z".to_owned(), [].into())
}

#[tokio::test]
async fn a_silent_registry_keeps_nobody_waiting_who_writes_elsewhere() {
    let (silent, other, client) = (silent().await, Registry::start(), Client::default());
    let image = |host: &str| -> ImageRef { format!("{host}/api").parse().unwrap() };
    let (waiting, first) = (client.clone(), image(silent.host()));
    let first =
        tokio::spawn(async move { waiting.attach(&log(), &first, None, &Auth::default(), false).await });
    let asked =
        async || silent.asked().iter().any(|asked| asked.path.contains("/manifests/sha256-")).then_some(());
    until(|| "the silent registry to be asked for its list".to_owned(), Duration::from_secs(60), asked).await;

    client.attach(&log(), &image(other.host()), None, &Auth::default(), false).await.unwrap();
    assert!(!first.is_finished(), "the first is still at its list");
    first.abort();
}
