//! A cleanup that is stopped, or whose time is over.

use std::sync::Arc;
use std::time::Duration;

use argo_buildkit::engine::Tenancy;
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::StepError;
use argo_buildkit::push_gate::PushGate;
use serde_json::json;

use super::races::three;
use super::retention::list;
use crate::support::engine;
use crate::support::images::Repository;
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shared::shared_registry;

/// Deletes all but the newest image, in so much time. Closes the gate when the first delete is sent. Returns the error, and how
/// many deletes were sent.
async fn stopped(repository: &Repository, time: Duration) -> (StepError, usize) {
    let gate = Arc::new(PushGate::new());
    let closing = Arc::clone(&gate);
    let stop = move |seen: &Seen| {
        if seen.method == "DELETE" {
            closing.close();
        }
        None
    };
    let front = RegistryFront::start(shared_registry().host(), stop).await;
    let name = format!("{}/{}", front.host(), repository.name.split_once('/').unwrap().1);
    let secrets = Secrets::Directory(std::env::temp_dir());
    let engine = engine::engine("tcp://127.0.0.1:1", Cluster::default(), secrets, Tenancy::own());
    let delete = json!({"keep": 1, "dry-run": false});
    let body = json!({"tags": {"image": name, "filter": {"semver": "*"}, "delete": delete}});
    let error = engine::run_behind(&engine, "builds", &body, gate, time).await.unwrap_err();
    (error, front.seen().iter().filter(|seen| seen.method == "DELETE").count())
}

#[tokio::test]
async fn a_stop_waits_for_one_image() {
    let repository = three().await;
    let (error, deletes) = stopped(&repository, Duration::from_secs(300)).await;
    assert!(error.message.contains("the step was stopped; the other tags stay"), "{}", error.message);
    assert_eq!((list(&error.outputs["deleted"]), deletes), (vec!["1.0.0".to_owned()], 3));
    repository.checked("1.1.0").await;
}

#[tokio::test]
async fn nothing_is_deleted_when_the_time_is_over() {
    let repository = three().await;
    let (error, deletes) = stopped(&repository, Duration::from_millis(900)).await;
    assert!(error.message.contains("the step's time is over; the other tags stay"), "{}", error.message);
    assert_eq!(deletes, 0);
    repository.checked("1.0.0").await;
}
