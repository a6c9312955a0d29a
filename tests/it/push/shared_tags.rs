//! Tags of cosign, under which several write: signatures and attestations.

use serde_json::{Value, json};

use super::breaks::behind;
use super::{push, repository};
use crate::support::images::{INDEX, MANIFEST, Repository};
use crate::support::registry_front::RegistryFront;
use crate::support::shared::shared_registry;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A layer with the signature of `payload` by `key`.
async fn layer(of: &Repository, payload: &str, key: &str) -> Value {
    let mut layer = of.blob(payload.into(), "application/vnd.dev.cosign.simplesigning.v1+json").await;
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": key});
    layer
}

/// Writes a tag of cosign with `layers`.
async fn put(of: &Repository, tag: &str, layers: &[&Value]) {
    let config = of.blob(b"{}".to_vec(), CONFIG).await;
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    of.manifest(tag, MANIFEST, &manifest).await;
}

/// The tag of cosign for `image`.
fn tag(image: &Value, end: &str) -> String {
    format!("{}.{end}", image["digest"].as_str().unwrap().replace(':', "-"))
}

fn fields(source: &Repository, target: &str) -> Value {
    json!({"source": format!("{}:1", source.name), "targets": format!("{target}:1"), "referrers": true})
}

#[tokio::test]
async fn signatures_and_attestations_of_others_at_the_target_stay() {
    let (source, target) = (repository("api"), repository("prod"));
    let image = source.image("1", b"layer".to_vec()).await;
    let front = RegistryFront::start(shared_registry().host(), |_| None).await;
    let to = behind(front.host(), &target);
    for end in ["sig", "att"] {
        let tag = tag(&image, end);
        let (ours, other) = (layer(&source, "one", "ours").await, layer(&source, "two", "ours").await);
        let (same, theirs) = (layer(&target, "one", "ours").await, layer(&target, "one", "theirs").await);
        put(&source, &tag, &[&ours, &other]).await;
        put(&target, &tag, &[&theirs, &same]).await;
        push(fields(&source, &to)).await.unwrap();
        let written = target.read(&tag).await.unwrap();
        let now: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(now["layers"], json!([theirs, same, other]), "{end}");
        assert_eq!(target.checked(&tag).await, (1, 4), "{end}");
        // There is nothing to add any more.
        let before = front.seen().len();
        push(fields(&source, &to)).await.unwrap();
        let puts = front.seen().split_off(before);
        assert!(!puts.iter().any(|seen| seen.method == "PUT" && seen.path.ends_with(&tag)), "{puts:?}");
        assert_eq!(target.read(&tag).await.unwrap(), written);
    }
}

/// The manifest keeps its digest where nobody else has written.
#[tokio::test]
async fn signatures_are_copied_as_they_are_where_there_are_none() {
    let (source, target) = (repository("api"), repository("prod"));
    let image = source.image("1", b"layer".to_vec()).await;
    let tag = tag(&image, "sig");
    put(&source, &tag, &[&layer(&source, "one", "ours").await]).await;
    push(fields(&source, &target.name)).await.unwrap();
    assert_eq!(target.read(&tag).await, source.read(&tag).await);
}

#[tokio::test]
async fn no_tag_moves_if_there_is_something_else_than_signatures() {
    let (source, target) = (repository("api"), repository("prod"));
    let image = source.image("1", b"layer".to_vec()).await;
    let tag = tag(&image, "sig");
    put(&source, &tag, &[&layer(&source, "one", "ours").await]).await;
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
    target.manifest(&tag, INDEX, &index).await;
    let said = push(fields(&source, &target.name)).await.unwrap_err().message;
    assert!(
        said.contains("it is an index, and not the signatures of an image; look at who may push"),
        "{said}"
    );
    assert_eq!(target.read("1").await, None);
}
