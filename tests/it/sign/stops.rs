//! A stop waits for requests that write signatures, and for nothing else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::Fault;
use argo_buildkit::push_gate::PushGate;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::registries::behind;
use super::{KEY, count, repository, secrets, tag};
use crate::support::engine;
use crate::support::net::{PATIENCE, until};
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shared::shared_registry;

fn signing_engine(secrets: &Path) -> Engine {
    let secrets = Secrets::Directory(secrets.to_owned());
    engine::engine("tcp://127.0.0.1:1", Cluster::default(), secrets, Tenancy::own())
}

fn signing(image: &str) -> Value {
    json!({"sign": {"image": image, "key": "image-key"}})
}

fn is_put(seen: &Seen, end: &str) -> bool {
    seen.method == "PUT" && seen.path.ends_with(end)
}

/// The job that runs a step closes the gate, waits for the requests in flight, and then drops the step.
#[tokio::test]
async fn a_stop_does_not_wait_for_the_pauses_between_tries() {
    let (repository, secrets) = (repository(), secrets(&[("cosign.key", KEY)]));
    let image = repository.image("1", b"layer".to_vec()).await;
    let front = RegistryFront::start(shared_registry().host(), |seen| {
        let overloaded = (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "50")]);
        is_put(seen, ".sig").then(|| overloaded.into_response())
    })
    .await;
    let (engine, gate) = (signing_engine(secrets.path()), Arc::new(PushGate::new()));
    let body = signing(&behind(&front, &repository));
    let stop = async {
        let is_asked = async || front.seen().iter().any(|seen| is_put(seen, ".sig")).then_some(());
        until(|| "the tag to be written".to_owned(), PATIENCE, is_asked).await;
        gate.close();
        tokio::time::timeout(PATIENCE, gate.idle()).await.unwrap();
    };
    tokio::select! {
        ended = engine::run_behind(&engine, "builds", &body, gate.clone(), PATIENCE * 10) => panic!("{ended:?}"),
        () = stop => {}
    }
    assert_eq!(count(&repository, image["digest"].as_str().unwrap()).await, (0, 0));
}

#[tokio::test]
async fn nothing_is_written_after_a_stop_or_when_the_time_is_all_but_over() {
    let (repository, secrets) = (repository(), secrets(&[("cosign.key", KEY)]));
    let image = repository.image("1", b"layer".to_vec()).await;
    let digest = image["digest"].as_str().unwrap();
    let (engine, name) = (signing_engine(secrets.path()), format!("{}:1", repository.name));
    let (body, second) = (signing(&name), Duration::from_secs(1));
    let late = engine::run_behind(&engine, "builds", &body, Arc::default(), second).await.unwrap_err();
    assert_eq!(late.fault, Fault::Transient, "{late:?}");
    assert_eq!(count(&repository, digest).await, (0, 0));
    let gate = Arc::new(PushGate::new());
    let closes = gate.clone();
    // The stop comes when the classic signature is there, and before the bundle.
    let front = RegistryFront::losing_answers(shared_registry().host(), move |seen| {
        if is_put(seen, ".sig") {
            closes.close();
        }
        None
    })
    .await;
    let body = signing(&behind(&front, &repository));
    let failed = engine::run_behind(&engine, "builds", &body, gate, PATIENCE).await.unwrap_err();
    assert!(
        failed.message.contains("the step was stopped, or its time was over, before sha256:"),
        "{failed:?}"
    );
    assert_eq!(failed.fault, Fault::Transient);
    assert_eq!(count(&repository, digest).await, (1, 0));
    assert_eq!(front.seen().iter().filter(|seen| is_put(seen, &tag(digest, ""))).count(), 0);
}
