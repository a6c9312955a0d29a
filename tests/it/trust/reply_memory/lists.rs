//! Writers of lists of referrers wait only for writers of the same list.

use argo_buildkit::oci::{Auth, BuildArtifact, Descriptor, ImageRef, Registry as Client};
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tokio::sync::watch;

use crate::support::net::{PATIENCE, until};
use crate::support::registry::Registry;
use crate::support::scripted::{Asked, Scripted};

/// A registry that accepts everything, and does not answer about its lists until `speaks`.
async fn silent(speaks: watch::Receiver<bool>) -> Scripted {
    Scripted::start(move |_, asked| match (asked.method.as_str(), is_of_a_list(asked)) {
        ("GET", true) => list(speaks.clone()),
        ("POST", _) => (StatusCode::ACCEPTED, [(LOCATION, "/v2/api/blobs/uploads/1")]).into_response(),
        ("PUT", _) => StatusCode::CREATED.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await
}

fn is_of_a_list(asked: &Asked) -> bool {
    asked.path.contains("/manifests/sha256-")
}

/// The answer for a list that has the log already.
fn list(mut speaks: watch::Receiver<bool>) -> Response {
    let index = json!({"manifests": [{"digest": log().digest()}]}).to_string();
    let told = async move {
        let _ = speaks.wait_for(|speaks| *speaks).await;
        Ok::<_, std::io::Error>(index)
    };
    Body::from_stream(futures_util::stream::once(told)).into_response()
}

fn log() -> BuildArtifact {
    let media_type = "application/vnd.oci.image.manifest.v1+json".to_owned();
    let subject = Descriptor { media_type, digest: format!("sha256:{}", "a".repeat(64)), size: 2 };
    BuildArtifact::new(b"log".to_vec(), Some(subject), "2026-11-21T14:45:01Z".to_owned(), [].into())
}

#[tokio::test]
async fn a_silent_registry_keeps_nobody_waiting_who_writes_elsewhere() {
    let (speaks, told) = watch::channel(false);
    let (silent, other, client) = (silent(told).await, Registry::start(), Client::default());
    let image = |host: &str| -> ImageRef { format!("{host}/api").parse().unwrap() };
    let (waiting, first) = (client.clone(), image(silent.host()));
    let first =
        tokio::spawn(async move { waiting.attach(&log(), &first, None, &Auth::default(), false).await });
    let lists = || silent.asked().iter().filter(|asked| is_of_a_list(asked)).count();
    let asked = async || (lists() > 0).then_some(());
    until(|| "the silent registry to be asked for its list".to_owned(), PATIENCE, asked).await;

    client.attach(&log(), &image(other.host()), None, &Auth::default(), false).await.unwrap();
    // Nobody waited for it: it is still at its first request, which is now answered.
    speaks.send_replace(true);
    first.await.unwrap().unwrap();
    assert_eq!(lists(), 1);
}
