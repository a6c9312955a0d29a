//! What others may have written beside an image.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::registries::behind;
use super::{count, manifest, repository, sign, tag, verify};
use crate::support::images::{INDEX, MANIFEST, Repository};
use crate::support::registry_front::RegistryFront;
use crate::support::scripted::ok;
use crate::support::shared::shared_registry;

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

async fn refused(repository: &Repository) -> String {
    verify(&format!("{}:1", repository.name), json!({})).await.unwrap_err().message
}

/// An image, and the digest of another one in the same repository, which is signed.
async fn two(repository: &Repository) -> (String, String) {
    let digest = |descriptor: Value| descriptor["digest"].as_str().unwrap().to_owned();
    let image = digest(repository.image("1", b"one".to_vec()).await);
    let signed = digest(repository.image("2", b"two".to_vec()).await);
    sign(&format!("{}:2", repository.name), json!({})).await.unwrap();
    (image, signed)
}

#[tokio::test]
async fn a_signature_of_another_image_does_not_count() {
    let repository = repository();
    let (image, signed) = two(&repository).await;
    let classic = manifest(&repository, &tag(&signed, ".sig")).await.unwrap();
    repository.manifest(&tag(&image, ".sig"), MANIFEST, &classic).await;
    // The list names a bundle about the other image, and one that claims to be about this one.
    let list = manifest(&repository, &tag(&signed, "")).await.unwrap();
    let bundle = list["manifests"][0]["digest"].as_str().unwrap();
    let mut forged = manifest(&repository, bundle).await.unwrap();
    forged["subject"]["digest"] = image.as_str().into();
    let forged = repository.manifest("", MANIFEST, &forged).await;
    let entries = json!([list["manifests"][0], forged]);
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    repository.manifest(&tag(&image, ""), INDEX, &list).await;
    let said = refused(&repository).await;
    assert!(said.contains("its signatures do not count: 2 of another image;"), "{said}");
}

#[tokio::test]
async fn what_is_no_signature_is_not_read_as_one() {
    let repository = repository();
    let image = repository.image("1", b"one".to_vec()).await;
    let digest = image["digest"].as_str().unwrap();
    let config = repository.blob(b"{}".to_vec(), "application/vnd.oci.image.config.v1+json").await;
    let large = repository.blob(vec![b' '; 200 << 10], PAYLOAD).await;
    let layer = |descriptor: &Value, signature: &str| {
        let mut layer = descriptor.clone();
        layer["annotations"] = json!({SIGNATURE: signature});
        layer
    };
    let layers = json!([layer(&large, "AAAA"), layer(&config, "AAAA"), layer(&large, "%"), large]);
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    repository.manifest(&tag(digest, ".sig"), MANIFEST, &manifest).await;
    let said = refused(&repository).await;
    assert!(said.contains("it has no signatures"), "{said}");
}

#[tokio::test]
async fn very_many_signatures_are_not_read_and_the_other_form_still_counts() {
    let repository = repository();
    let image = repository.image("1", b"one".to_vec()).await;
    let digest = image["digest"].as_str().unwrap();
    let name = format!("{}:1", repository.name);
    let config = repository.blob(b"{}".to_vec(), "application/vnd.oci.image.config.v1+json").await;
    let mut layer = repository.blob(b"payload".to_vec(), PAYLOAD).await;
    layer["annotations"] = json!({SIGNATURE: "AAAA"});
    let flood = async |layers: usize| {
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": vec![layer.clone(); layers]});
        repository.manifest(&tag(digest, ".sig"), MANIFEST, &manifest).await;
    };
    flood(1001).await;
    let said = refused(&repository).await;
    assert!(said.contains("it has 1001 layers, and at most 1000 signatures are read"), "{said}");
    let said = sign(&name, json!({})).await.unwrap_err().message;
    assert!(said.contains("at most 1000 signatures are read; look at who may push"), "{said}");
    flood(1000).await;
    // One that is listed often is read once.
    let said = refused(&repository).await;
    assert!(said.contains("its signatures do not count: 1 unreadable ("), "{said}");
    let said = sign(&name, json!({})).await.unwrap_err().message;
    assert!(
        said.contains("it has 1000 layers and no room for 1 more: at most 1000 signatures are read; look at"),
        "{said}"
    );
    flood(999).await;
    sign(&name, json!({})).await.unwrap();
    assert_eq!(count(&repository, digest).await, (1000, 1));
    flood(1001).await;
    assert!(verify(&name, json!({})).await.unwrap().summary.ends_with("(bundle)"));
}

/// Signing writes no more than verifying reads.
#[tokio::test]
async fn beside_very_many_payloads_nothing_is_signed() {
    let repository = repository();
    let image = repository.image("1", b"one".to_vec()).await;
    let signatures = format!("/manifests/{}", tag(image["digest"].as_str().unwrap(), ".sig"));
    let layers = (0..100).map(|n| {
        json!({"mediaType": PAYLOAD, "digest": format!("sha256:{n:064}"), "size": 1, "annotations": {SIGNATURE: "AAAA"}})
    });
    let flood = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers.collect::<Vec<_>>()});
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        (seen.method == "GET" && seen.path.ends_with(&signatures)).then(|| ok(MANIFEST, flood.to_string()))
    })
    .await;
    let said = sign(&behind(&front, &repository), json!({})).await.unwrap_err().message;
    assert!(
        said.contains("it would have 101 different payloads of signatures, and at most 100 are read"),
        "{said}"
    );
}

/// A list that names one artifact about the image, which has `layer`.
async fn listing(digest: &str, layer: Value) -> RegistryFront {
    let artifact = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": layer, "layers": [layer],
        "subject": {"mediaType": MANIFEST, "digest": digest, "size": 1}});
    let artifact = artifact.to_string();
    let name = format!("sha256:{}", hex::encode(Sha256::digest(&artifact)));
    let entry = json!({"mediaType": MANIFEST, "digest": name, "size": artifact.len()});
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
    let (list_at, artifact_at) = (format!("/manifests/{}", tag(digest, "")), format!("/manifests/{name}"));
    RegistryFront::start(shared_registry().host(), move |seen| match seen.method.as_str() {
        "GET" if seen.path.ends_with(&list_at) && seen.before == 0 => Some(ok(INDEX, list.to_string())),
        "GET" if seen.path.ends_with(&artifact_at) => Some(ok(MANIFEST, artifact.clone())),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn an_artifact_that_cannot_be_read_keeps_nobody_from_signing() {
    let repository = repository();
    let image = repository.image("1", b"one".to_vec()).await;
    let digest = image["digest"].as_str().unwrap();
    let odd = json!({"mediaType": "application/octet-stream", "digest": "sha256:odd", "size": 1});
    let front = listing(digest, odd).await;
    let done = sign(&behind(&front, &repository), json!({})).await.unwrap();
    assert_eq!(done.outputs["signatures-added"], "2");
    assert_eq!(count(&repository, digest).await, (1, 1));
}

/// A layer that need not be in the registry may have any name. It is no address that our login goes to.
#[tokio::test]
async fn what_is_no_digest_is_not_asked_for() {
    let repository = repository();
    let image = repository.image("1", b"one".to_vec()).await;
    let digest = image["digest"].as_str().unwrap();
    let elsewhere = json!({"mediaType": "application/vnd.dev.sigstore.bundle.foreign.x", "digest": "../../../../elsewhere",
        "size": 1, "urls": ["https://s.example/x"]});
    let front = listing(digest, elsewhere).await;
    let said = verify(&behind(&front, &repository), json!({})).await.unwrap_err().message;
    assert!(said.contains("it has no signatures"), "{said}");
    let seen = front.seen();
    assert!(seen.iter().any(|seen| seen.path.ends_with(&tag(digest, ""))), "{seen:?}");
    assert!(!seen.iter().any(|seen| seen.path.contains("elsewhere")), "{seen:?}");
}

#[tokio::test]
async fn an_index_of_very_many_images_is_refused_and_one_that_is_named_twice_is_signed_once() {
    let repository = repository();
    let image = repository.image("", b"one".to_vec()).await;
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [image, image]});
    repository.manifest("1", INDEX, &index).await;
    let done = sign(&format!("{}:1", repository.name), json!({})).await.unwrap();
    assert_eq!(done.outputs["signatures-added"], "4");
    let mut images = Vec::new();
    for n in 0..100 {
        images.push(repository.image("", format!("layer {n}").into()).await);
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": images});
    let index = repository.manifest("1", INDEX, &index).await;
    let name = format!("{}:1", repository.name);
    let said = sign(&name, json!({})).await.unwrap_err().message;
    assert!(said.contains("it has 101 manifests, and at most 100 are signed; `children: false`"), "{said}");
    sign(&name, json!({"children": false})).await.unwrap();
    assert_eq!(count(&repository, index["digest"].as_str().unwrap()).await, (1, 1));
}
