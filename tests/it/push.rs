//! `push` against real registries.

mod breaks;
mod ends;
mod gitea;
mod logins;
mod referrers;
mod refused;
mod shared_tags;
mod tags;
mod uploads;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::{StepError, Success};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use crate::support::engine;
use crate::support::images::{INDEX, Repository, digest};
use crate::support::net::unique;
use crate::support::registry::Registry;
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shared::shared_registry;

async fn push(fields: Value) -> Result<Success, StepError> {
    push_with(&std::env::temp_dir(), fields).await
}

/// Runs a `push` in an engine without a daemon, which a copy does not need. `secrets` is the directory of its Secrets.
async fn push_with(secrets: &Path, fields: Value) -> Result<Success, StepError> {
    engine::run(&pushing_engine(secrets), "builds", &json!({"push": fields})).await
}

/// The same for a step that has so much time.
async fn push_within(fields: Value, time: Duration) -> Result<Success, StepError> {
    let engine = pushing_engine(&std::env::temp_dir());
    engine::run_behind(&engine, "builds", &json!({"push": fields}), Arc::default(), time).await
}

fn pushing_engine(secrets: &Path) -> Engine {
    let secrets = Secrets::Directory(secrets.to_owned());
    engine::engine("tcp://127.0.0.1:1", Cluster::default(), secrets, Tenancy::own())
}

/// A repository with a new name in the shared registry.
fn repository(prefix: &str) -> Repository {
    Repository::new(shared_registry().host(), &format!("push/{}", unique(prefix)))
}

#[tokio::test]
async fn an_image_of_several_platforms_is_copied_between_registries_with_its_digest() {
    let other = Registry::start();
    let (source, target) = (repository("api"), Repository::new(other.host(), "prod/api"));
    let index = source.platforms("1").await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1.0", target.name), "tags": "stable"});
    let done = push(fields.clone()).await.unwrap();
    let digest = index["digest"].as_str().unwrap();
    assert_eq!((done.outputs["digest"].as_str(), done.outputs["resolved"].as_str()), (digest, digest));
    assert_eq!(done.outputs["image"], format!("{}@{digest}", target.name));
    assert_eq!(
        done.outputs["tags"],
        json!([format!("{}:1.0", target.name), format!("{}:stable", target.name)]).to_string()
    );
    assert_eq!((done.outputs["changed"].as_str(), done.outputs["dropped"].as_str()), ("true", "[]"));
    for tag in ["1.0", "stable", digest] {
        assert_eq!(target.read(tag).await, source.read("1").await);
        assert_eq!(target.checked(tag).await, (5, 8));
    }
    let again = push(fields).await.unwrap();
    assert_eq!((again.outputs["changed"].as_str(), again.outputs["copied-bytes"].as_str()), ("false", "0"));
    assert!(again.summary.ends_with(&format!("had {digest} already")), "{}", again.summary);
}

/// A registry with immutable tags refuses every write of what is there.
#[tokio::test]
async fn nothing_is_written_that_is_there_already() {
    let source = repository("api");
    source.platforms("1").await;
    let target = repository("prod");
    let front = RegistryFront::start(shared_registry().host(), |_| None).await;
    let (_, name) = target.name.split_once('/').unwrap();
    let to = json!({"source": format!("{}:1", source.name), "targets": format!("{}/{name}:1", front.host())});
    push(to.clone()).await.unwrap();
    let first = front.seen();
    assert!(front.is_written());
    push(to).await.unwrap();
    let second = &front.seen()[first.len()..];
    assert_eq!(second.iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>(), ["HEAD"], "{second:?}");
    // The tag moves once, and last.
    let is_put =
        |seen: &&_| matches!(seen, crate::support::registry_front::Seen { method, .. } if method == "PUT");
    let puts: Vec<_> = first.iter().filter(is_put).map(|seen| seen.path.clone()).collect();
    let tags: Vec<_> = puts.iter().filter(|path| path.ends_with("/manifests/1")).collect();
    assert_eq!((tags.len(), puts.last()), (1, tags.first().copied()), "{puts:?}");
}

/// Gitea's cleanup deletes manifests that no tag names, also those of an index.
#[tokio::test]
async fn a_platform_that_the_target_has_lost_is_copied_again() {
    let (source, target) = (repository("api"), repository("prod"));
    source.platforms("1").await;
    let to = |tag: &str| json!({"source": format!("{}:1", source.name), "targets": format!("{}:{tag}", target.name)});
    push(to("1")).await.unwrap();
    let index: Value = serde_json::from_slice(&target.read("1").await.unwrap()).unwrap();
    target.delete(index["manifests"][2]["digest"].as_str().unwrap()).await;
    push(to("2")).await.unwrap();
    assert_eq!(target.checked("2").await, (5, 8));
}

#[tokio::test]
async fn a_retag_in_one_repository_needs_three_requests() {
    let repository = repository("api");
    let index = repository.platforms("1").await;
    let front = RegistryFront::start(shared_registry().host(), |_| None).await;
    let (_, name) = repository.name.split_once('/').unwrap();
    let done = push(json!({"source": format!("{}/{name}:1", front.host()), "tags": ["2"]})).await.unwrap();
    assert_eq!(front.methods(), ["GET", "HEAD", "PUT"]);
    assert_eq!(done.outputs["digest"], index["digest"]);
    assert_eq!(repository.read("2").await, repository.read("1").await);
}

#[tokio::test]
async fn blobs_are_mounted_within_a_registry_and_no_byte_is_sent() {
    let source = repository("api");
    source.platforms("1").await;
    let targets = [repository("prod"), repository("spare")];
    let names = targets.each_ref().map(|target| format!("{}:1", target.name));
    let done = push(json!({"source": format!("{}:1", source.name), "targets": names})).await.unwrap();
    assert_eq!(done.outputs["copied-bytes"], "0");
    assert!(done.summary.contains("16 blobs mounted"), "{}", done.summary);
    for target in targets {
        assert_eq!(target.checked("1").await, (5, 8));
    }
}

#[tokio::test]
async fn a_registry_that_does_not_mount_gets_an_upload() {
    // One opens an upload in the place of a mount, and one refuses the request.
    for refusing in [false, true] {
        let (source, target) = (repository("api"), repository("prod"));
        source.image("1", b"layer".to_vec()).await;
        let refuses = move |seen: &Seen| {
            (refusing && seen.path.contains("mount=")).then(|| StatusCode::METHOD_NOT_ALLOWED.into_response())
        };
        let front = RegistryFront::without_mounts(shared_registry().host(), refuses).await;
        let behind = |of: &Repository| format!("{}/{}:1", front.host(), of.name.split_once('/').unwrap().1);
        let done = push(json!({"source": behind(&source), "targets": behind(&target)})).await.unwrap();
        assert!(done.summary.contains("0 blobs mounted"), "{}", done.summary);
        assert_eq!(target.checked("1").await, (1, 2));
        let asked = front.seen().iter().filter(|seen| seen.path.contains("mount=")).count();
        assert_eq!(asked, 2, "each blob is asked to be mounted");
    }
}

#[tokio::test]
async fn some_platforms_are_a_new_index_with_their_attestations() {
    let (source, target) = (repository("api"), repository("prod"));
    let index = source.platforms("1").await;
    let fields = |platforms: &str| json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", target.name), "platforms": platforms});
    let done = push(fields("linux/arm64")).await.unwrap();
    assert_eq!(done.outputs["resolved"], index["digest"]);
    assert_ne!(done.outputs["digest"], done.outputs["resolved"]);
    assert_eq!(done.outputs["dropped"], r#"["linux/amd64"]"#);
    let bytes = target.read("1").await.unwrap();
    assert_eq!(digest(&bytes), done.outputs["digest"]);
    let new: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((new["mediaType"].as_str(), new["manifests"].as_array().unwrap().len()), (Some(INDEX), 2));
    assert_eq!(target.checked("1").await, (3, 4));
    let all = push(fields("linux/arm64,linux/amd64")).await.unwrap();
    assert_eq!((&all.outputs["digest"], all.outputs["dropped"].as_str()), (&all.outputs["resolved"], "[]"));
    let refused = push(fields("linux/s390x")).await.unwrap_err();
    assert!(
        refused.message.contains("it has no platform linux/s390x; it has linux/amd64, linux/arm64"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn an_image_without_a_tag_is_there_by_its_digest() {
    let (source, target) = (repository("api"), repository("prod"));
    let image = source.image("1", b"layer".to_vec()).await;
    let digest = image["digest"].as_str().unwrap();
    let fields = json!({"source": format!("{}@{digest}", source.name), "targets": [target.name], "expect-digest": digest});
    let done = push(fields.clone()).await.unwrap();
    assert_eq!((done.outputs["tags"].as_str(), done.outputs["changed"].as_str()), ("[]", "true"));
    assert_eq!(target.checked(digest).await, (1, 2));
    assert_eq!(push(fields).await.unwrap().outputs["changed"], "false");
}
