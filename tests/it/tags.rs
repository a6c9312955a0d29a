//! `tags` against real registries, and the subcommand.

mod cli;
mod docs;
mod gitea;
mod hostile;
mod kept;
mod lies;
mod races;
mod retention;
mod single;
mod stops;

use std::path::Path;

use argo_buildkit::engine::Tenancy;
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::{StepError, Success};
use serde_json::{Value, json};

use crate::support::engine;
use crate::support::images::{MANIFEST, Repository};
use crate::support::net::unique;
use crate::support::plugin::{Setup, output};
use crate::support::registry_front::RegistryFront;
use crate::support::shared::{World, shared_registry};

/// Runs a `tags` in an engine without a daemon, which it does not need.
async fn tags(fields: Value) -> Result<Success, StepError> {
    tags_with(&std::env::temp_dir(), fields).await
}

/// The same with a directory of Secrets.
async fn tags_with(secrets: &Path, fields: Value) -> Result<Success, StepError> {
    let secrets = Secrets::Directory(secrets.to_owned());
    let engine = engine::engine("tcp://127.0.0.1:1", Cluster::default(), secrets, Tenancy::own());
    engine::run(&engine, "builds", &json!({"tags": fields})).await
}

fn repository() -> Repository {
    Repository::new(shared_registry().host(), &format!("tags/{}", unique("api")))
}

fn outputs(success: &Success, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| success.outputs[*name].clone()).collect()
}

/// The images of four versions, the newest of which is not the last one that was made.
async fn versions(repository: &Repository) {
    for (tag, day) in [("1.4.0", 1), ("1.10.0", 2), ("1.9.0", 3), ("2.0.0-rc.1", 4)] {
        let created = format!("2026-11-0{day}T10:00:00.5Z");
        repository.dated(tag, &created, json!({"org.opencontainers.image.version": tag})).await;
    }
    repository
        .dated("latest", "2026-11-02T10:00:00.5Z", json!({"org.opencontainers.image.version": "1.10.0"}))
        .await;
}

#[tokio::test]
async fn the_newest_version_is_found_and_described() {
    let repository = repository();
    versions(&repository).await;
    let ask = |fields: Value| {
        let mut body = json!({"image": repository.name});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        tags(body)
    };
    let done = ask(json!({"filter": {"semver": "1.x"}})).await.unwrap();
    assert_eq!(outputs(&done, &["exists", "tag", "count"]), ["true", "1.10.0", "3"]);
    assert_eq!(done.outputs["tags"], r#"["1.10.0","1.9.0","1.4.0"]"#);
    assert_eq!(outputs(&done, &["created", "platforms"]), ["2026-11-02T10:00:00.5Z", r#"["linux/amd64"]"#]);
    assert_eq!(done.outputs["labels"], r#"{"org.opencontainers.image.version":"1.10.0"}"#);
    assert_eq!(done.outputs["image"], format!("{}@{}", repository.name, done.outputs["digest"]));
    assert!(
        done.summary.contains("has 3 such tags; the first is 1.10.0, which is sha256:"),
        "{}",
        done.summary
    );
    let newest = ask(json!({"sort": "created", "limit": 2, "details": true})).await.unwrap();
    assert_eq!(newest.outputs["tags"], r#"["2.0.0-rc.1","1.9.0"]"#);
    let images: Value = serde_json::from_str(&newest.outputs["images"]).unwrap();
    assert_eq!((images[1]["tag"].as_str(), images.as_array().unwrap().len()), (Some("1.9.0"), 2));
    assert_eq!(images[0]["digest"], newest.outputs["digest"]);
    let named = ask(json!({"filter": {"regex": "1\\.[0-9]\\..*"}})).await.unwrap();
    assert_eq!(named.outputs["tags"], r#"["1.4.0","1.9.0"]"#);
    let none = ask(json!({"filter": {"semver": ">=3"}})).await.unwrap();
    assert_eq!(
        outputs(&none, &["exists", "tag", "digest", "image", "tags", "count"]),
        ["false", "", "", "", "[]", "0"]
    );
    assert!(none.summary.ends_with("has no such tag"), "{}", none.summary);
}

#[tokio::test]
async fn one_image_is_asked_for_by_tag_and_by_digest() {
    let repository = repository();
    let index = repository.platforms("1").await;
    let front = RegistryFront::start(shared_registry().host(), |_| None).await;
    let at = |end: &str| format!("{}/{}{end}", front.host(), repository.name.split_once('/').unwrap().1);
    let done = tags(json!({"image": at(":1")})).await.unwrap();
    let digest = index["digest"].as_str().unwrap();
    assert_eq!(outputs(&done, &["exists", "tag", "digest"]), ["true", "1", digest]);
    assert_eq!(done.outputs["platforms"], r#"["linux/amd64","linux/arm64"]"#);
    let size: u64 = done.outputs["size"].parse().unwrap();
    assert!(size > 100, "{size}");
    assert!(!front.is_written());
    let by_digest = tags(json!({"image": at(&format!("@{digest}"))})).await.unwrap();
    assert_eq!(outputs(&by_digest, &["exists", "tag", "digest"]), ["true", "", digest]);
    for absent in [":2".to_owned(), format!("@sha256:{}", "0".repeat(64)), "-other:1".to_owned()] {
        let absent = tags(json!({"image": at(&absent)})).await.unwrap();
        assert_eq!(outputs(&absent, &["exists", "digest", "created", "size"]), ["false", "", "", "0"]);
    }
}

#[tokio::test]
async fn what_tools_write_for_themselves_is_hidden() {
    let repository = repository();
    let image = repository.image("1.0.0", b"layer".to_vec()).await;
    let subject = image["digest"].as_str().unwrap().replacen(':', "-", 1);
    for tag in [subject.clone(), format!("{subject}.sig"), format!("log-{}", "0a".repeat(16))] {
        repository.image(&tag, tag.clone().into_bytes()).await;
    }
    let shown = tags(json!({"image": repository.name})).await.unwrap();
    assert_eq!(shown.outputs["tags"], r#"["1.0.0"]"#);
    let all = tags(json!({"image": repository.name, "filter": {"hidden": true}})).await.unwrap();
    assert_eq!(all.outputs["count"], "4");
}

/// An artifact without a config, an image that says no time, and a manifest that is none.
#[tokio::test]
async fn what_does_not_say_when_it_was_made_comes_last() {
    let repository = repository();
    repository.dated("b", "2026-11-02T10:00:00.5Z", json!({})).await;
    repository.image("a", b"layer".to_vec()).await;
    let empty = repository.blob(b"{}".to_vec(), "application/vnd.oci.empty.v1+json").await;
    let chart = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [],
        "annotations": {"org.opencontainers.image.created": "2026-11-03T10:00:00Z"}});
    repository.manifest("chart", MANIFEST, &chart).await;
    let done = tags(json!({"image": repository.name, "sort": "created"})).await.unwrap();
    assert_eq!(done.outputs["tags"], r#"["chart","b","a"]"#);
    assert_eq!(done.outputs["warnings"], r#"["1 images do not say when they were made; they come last"]"#);
}

#[tokio::test]
async fn gitea_is_asked_over_the_wire_with_its_login() {
    let world = World::shared().await;
    let gitea = world.gitea;
    let owner = gitea.user("tags").await;
    let token = gitea.token(&owner, &["write:package"]).await;
    let plugin = Setup::new(world.buildkitd.address()).start();
    plugin.put("registry", ".dockerconfigjson", &gitea.docker_config_json(&owner, &token));
    plugin.put("wrong", ".dockerconfigjson", &gitea.docker_config_json(&owner, "no-such-token"));
    let repository = Repository::new(gitea.host(), &format!("{owner}/api")).with_user(&owner, &token);
    for n in 0..5 {
        repository.dated(&format!("1.{n}.0"), &format!("2026-11-0{}T10:00:00.5Z", n + 1), json!({})).await;
    }
    let ask = async |secret: &str| {
        let fields =
            json!({"image": repository.name, "filter": {"semver": "1.x"}, "registry-secret": secret});
        plugin.node(&json!({"name": unique("tags"), "plugin": {"buildkit": {"tags": fields}}})).await
    };
    let node = ask("registry").await;
    assert_eq!(node["phase"], "Succeeded", "{}", node["message"]);
    assert_eq!([output(&node, "tag"), output(&node, "count")], ["1.4.0", "5"]);
    let refused = ask("wrong").await;
    assert_eq!(refused["phase"], "Failed");
    assert!(
        refused["message"].as_str().unwrap().contains("refused the login (401"),
        "{}",
        refused["message"]
    );
}
