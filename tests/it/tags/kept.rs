//! What stays because of what it names.

use serde_json::{Value, json};

use super::retention::{days_ago, list};
use super::tags;
use crate::support::images::{INDEX, Repository};
use crate::support::net::unique;
use crate::support::shared::shared_registry;

fn repository() -> Repository {
    Repository::new(shared_registry().host(), &format!("tags/{}", unique("kept")))
}

async fn clean(name: &str, delete: Value) -> argo_buildkit::outcome::Success {
    tags(json!({"image": name, "filter": {"semver": "*"}, "delete": delete})).await.unwrap()
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
