//! What stays because of what it names, and because of its youngest platform.

use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::retention::{days_ago, list};
use super::tags;
use crate::support::images::{INDEX, Repository};
use crate::support::net::unique;
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shared::shared_registry;

fn repository() -> Repository {
    Repository::new(shared_registry().host(), &format!("tags/{}", unique("kept")))
}

async fn clean(name: &str, delete: Value) -> argo_buildkit::outcome::Success {
    let fields = json!({"image": name, "filter": {"semver": "*"}, "sort": "created", "delete": delete});
    tags(fields).await.unwrap()
}

/// An image of linux/amd64 and linux/arm64 that were made so many days ago.
async fn index(repository: &Repository, tag: &str, days: [i64; 2]) -> Value {
    let mut entries = Vec::new();
    for (arch, days) in ["amd64", "arm64"].into_iter().zip(days) {
        let mut image = repository.dated("", &days_ago(days), json!({"arch": arch})).await;
        image["platform"] = json!({"os": "linux", "architecture": arch});
        entries.push(image);
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    repository.manifest(tag, INDEX, &index).await;
    index
}

/// The SBOM `sbom` is about an index without a tag, which shares a platform with an old image.
#[tokio::test]
async fn what_a_kept_artifact_is_about_stays_whole() {
    let repository = repository();
    let old = index(&repository, "1.0.0", [9, 9]).await;
    index(&repository, "1.1.0", [1, 1]).await;
    let about = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [old["manifests"][0]]});
    let about = repository.manifest("", INDEX, &about).await;
    repository.about("sbom", &about).await;
    let done = clean(&repository.name, json!({"keep": 1, "dry-run": false})).await;
    assert_eq!(list(&done.outputs["deleted"]), ["1.0.0"]);
    assert_eq!(repository.checked(about["digest"].as_str().unwrap()).await.0, 2);
}

/// BuildKit takes a platform that has not changed from its cache, with its old time.
#[tokio::test]
async fn an_image_is_as_old_as_its_youngest_platform() {
    let repository = repository();
    index(&repository, "1.0.0", [90, 1]).await;
    index(&repository, "1.1.0", [80, 70]).await;
    index(&repository, "1.2.0", [60, 50]).await;
    let old = clean(&repository.name, json!({"older-than": "30d", "allow-empty": true})).await;
    assert_eq!(list(&old.outputs["planned"]), ["1.1.0", "1.2.0"], "{}", old.outputs["plan"]);
    assert!(old.outputs["plan"].contains("keep 1.0.0: it is 24 h old"), "{}", old.outputs["plan"]);
    let newest = clean(&repository.name, json!({"keep": 1})).await;
    assert_eq!(list(&newest.outputs["planned"]), ["1.1.0", "1.2.0"], "{}", newest.outputs["plan"]);
}

/// Gitea 1.25.0 gives the time at which a tag was pushed first, however often it was pushed again.
#[tokio::test]
async fn an_image_is_not_older_than_itself_by_the_time_of_a_push() {
    let repository = repository();
    let name = repository.name.rsplit_once('/').unwrap().1.to_owned();
    index(&repository, "1.0.0", [90, 1]).await;
    index(&repository, "1.1.0", [80, 70]).await;
    repository.dated("1.2.0", "2020-02-02T02:02:02Z", json!({})).await;
    let versions = ["1.0.0", "1.1.0", "1.2.0"]
        .map(|tag| json!({"name": name, "version": tag, "created_at": days_ago(60)}));
    let versions = [json!(versions).to_string(), "[]".to_owned()];
    let times = move |seen: &Seen| {
        seen.path
            .starts_with("/api/v1/packages/")
            .then(|| versions[seen.before.min(1)].clone().into_response())
    };
    let front = RegistryFront::start(shared_registry().host(), times).await;
    let behind = format!("{}/tags/{}", front.host(), repository.name.rsplit_once('/').unwrap().1);
    let done = clean(&behind, json!({"older-than": "30d", "clock": "pushed", "allow-empty": true})).await;
    let mut planned = list(&done.outputs["planned"]);
    planned.sort();
    assert_eq!(planned, ["1.1.0", "1.2.0"], "{}", done.outputs["plan"]);
    assert!(done.outputs["plan"].contains("keep 1.0.0: it is 24 h old"), "{}", done.outputs["plan"]);
}
