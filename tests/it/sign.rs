//! `sign` and `verify` against real registries.

mod broken;
mod command;
mod hostile;
mod keys;
mod peers;
mod recorded;
mod registries;
mod stops;

use std::fs;
use std::path::Path;

use argo_buildkit::engine::Tenancy;
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::{StepError, Success};
use serde_json::{Value, json};

use crate::support::engine;
use crate::support::images::{INDEX, MANIFEST, Repository};
use crate::support::net::unique;
use crate::support::shared::shared_registry;

const KEY: &str = include_str!("../cosign/keys/sec1.pem");
const PUBLIC: &str = include_str!("../cosign/keys/public.pem");
const OTHER_PUBLIC: &str = include_str!("../cosign/keys/other-public.pem");

/// A directory of Secrets. `keys` are the values of the Secret `image-key`.
fn secrets(keys: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), "image-key", keys);
    directory
}

fn put(secrets: &Path, name: &str, keys: &[(&str, &str)]) {
    fs::create_dir(secrets.join(name)).unwrap();
    for (key, value) in keys {
        fs::write(secrets.join(name).join(key), value).unwrap();
    }
}

/// Runs a step in an engine without a daemon, which signatures do not need.
async fn run(secrets: &Path, body: &Value) -> Result<Success, StepError> {
    let secrets = Secrets::Directory(secrets.to_owned());
    let engine = engine::engine("tcp://127.0.0.1:1", Cluster::default(), secrets, Tenancy::own());
    engine::run(&engine, "builds", body).await
}

/// Signs `image` with the key, and with `more` fields.
async fn sign(image: &str, more: Value) -> Result<Success, StepError> {
    run(
        secrets(&[("cosign.key", KEY)]).path(),
        &step("sign", json!({"image": image, "key": "image-key"}), more),
    )
    .await
}

/// Verifies `image` with the public key, and with `more` fields.
async fn verify(image: &str, more: Value) -> Result<Success, StepError> {
    let nothing = tempfile::tempdir().unwrap();
    run(nothing.path(), &step("verify", json!({"images": image, "public-keys": PUBLIC}), more)).await
}

fn step(kind: &str, mut fields: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    json!({ kind: fields })
}

/// A repository with a new name in the shared registry.
fn repository() -> Repository {
    Repository::new(shared_registry().host(), &format!("sign/{}", unique("api")))
}

/// The tag for `digest`, with `end`.
fn tag(digest: &str, end: &str) -> String {
    format!("{}{end}", digest.replace(':', "-"))
}

async fn manifest(of: &Repository, name: &str) -> Option<Value> {
    Some(serde_json::from_slice(&of.read(name).await?).unwrap())
}

/// The number of classic signatures and of bundles of `digest`.
async fn count(of: &Repository, digest: &str) -> (usize, usize) {
    let list = async |tag: &str, field: &str| {
        let manifest = manifest(of, tag).await.unwrap_or_default();
        manifest[field].as_array().map_or(0, Vec::len)
    };
    (list(&tag(digest, ".sig"), "layers").await, list(&tag(digest, ""), "manifests").await)
}

#[tokio::test]
async fn an_index_and_all_that_it_names_is_signed_in_both_forms_once() {
    let repository = repository();
    let index = repository.platforms("1").await;
    let (image, digest) = (format!("{}:1", repository.name), index["digest"].as_str().unwrap());
    let done = sign(&image, json!({"annotations": {"stage": "dev"}})).await.unwrap();
    let signed: Vec<String> = serde_json::from_str(&done.outputs["signed-digests"]).unwrap();
    assert_eq!((signed.len(), signed.last().unwrap().as_str()), (5, digest));
    assert_eq!(done.outputs["signatures-added"], "10");
    let by_digest = format!("{}@{digest}", repository.name);
    assert_eq!(done.outputs["signed"], by_digest);
    let command =
        format!("cosign verify --key cosign.pub --insecure-ignore-tlog=true -a stage=dev {by_digest}");
    assert_eq!(done.outputs["verify-command"], command);
    assert!(done.summary.contains(&command), "{}", done.summary);
    for digest in &signed {
        assert_eq!(count(&repository, digest).await, (1, 1), "{digest}");
        assert_eq!(repository.checked(&tag(digest, ".sig")).await, (1, 2));
        assert_eq!(repository.checked(&tag(digest, "")).await, (2, 2));
        let of_part = verify(&format!("{}@{digest}", repository.name), json!({})).await.unwrap();
        assert_eq!(of_part.outputs["key-id"], done.outputs["key-id"]);
    }
    let again = sign(&image, json!({"annotations": {"stage": "dev"}})).await.unwrap();
    assert_eq!(again.outputs["signatures-added"], "0");
    assert!(again.summary.contains("had signatures of key sha256:1c1c3987"), "{}", again.summary);
    assert_eq!(count(&repository, digest).await, (1, 1));
    // Another claim is another signature.
    let more = sign(&image, json!({"annotations": {"stage": "prod"}, "children": false})).await.unwrap();
    assert_eq!(
        (more.outputs["signatures-added"].as_str(), more.outputs["signed-digests"].as_str()),
        ("2", &*json!([digest]).to_string())
    );
    assert_eq!(count(&repository, digest).await, (2, 2));
    for stage in ["dev", "prod"] {
        verify(&image, json!({"annotations": {"stage": stage}})).await.unwrap();
    }
}

#[tokio::test]
async fn each_form_alone_is_enough() {
    for end in [".sig", ""] {
        let repository = repository();
        let image = repository.image("1", b"layer".to_vec()).await;
        let digest = image["digest"].as_str().unwrap();
        sign(&format!("{}:1", repository.name), json!({})).await.unwrap();
        repository
            .manifest(
                &tag(digest, end),
                INDEX,
                &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}),
            )
            .await;
        let said = verify(&format!("{}:1", repository.name), json!({})).await.unwrap().summary;
        let form = if end.is_empty() { "(classic signature)" } else { "(bundle)" };
        assert!(said.ends_with(form), "{said}");
    }
}

#[tokio::test]
async fn an_image_without_a_signature_that_counts_is_refused_with_the_reason() {
    let repository = repository();
    let image = format!("{}:1", repository.name);
    repository.image("1", b"layer".to_vec()).await;
    let said = |outcome: Result<Success, StepError>| outcome.unwrap_err().message;
    let unsigned = said(verify(&image, json!({})).await);
    assert!(
        unsigned.contains("is not signed by key sha256:1c1c3987")
            && unsigned.contains("it has no signatures"),
        "{unsigned}"
    );
    sign(&image, json!({"annotations": {"stage": "dev"}})).await.unwrap();
    let other = said(verify(&image, json!({"public-keys": OTHER_PUBLIC})).await);
    assert!(other.contains("its signatures do not count: 2 made by another key; sign it"), "{other}");
    let stage = said(verify(&image, json!({"annotations": {"stage": "prod"}})).await);
    assert!(stage.contains("2 without the wanted annotation `stage`"), "{stage}");
    let both = format!("{OTHER_PUBLIC}{PUBLIC}");
    let done = verify(&format!("{image}, {image}"), json!({"public-keys": both})).await.unwrap();
    assert!(done.outputs["verified"].contains("@sha256:"), "{done:?}");
    // Both tags name one image.
    repository.image("same", b"layer".to_vec()).await;
    let done =
        verify(&format!("{image}, {}:same", repository.name), json!({"public-keys": PUBLIC})).await.unwrap();
    assert_eq!(done.outputs["images"], json!([done.outputs["verified"]]).to_string());
    let missing = said(verify(&format!("{image}, {}:2", repository.name), json!({})).await);
    assert!(missing.contains("has no such image"), "{missing}");
}

#[tokio::test]
async fn signatures_of_writers_at_the_same_time_are_all_there() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    let name = format!("{}:1", repository.name);
    let signing = (0..4).map(|n| {
        let name = &name;
        async move { sign(name, json!({"annotations": {"writer": n.to_string()}})).await.unwrap() }
    });
    futures_util::future::join_all(signing).await;
    assert_eq!(count(&repository, image["digest"].as_str().unwrap()).await, (4, 4));
    for n in 0..4 {
        verify(&name, json!({"annotations": {"writer": n.to_string()}})).await.unwrap();
    }
}

#[tokio::test]
async fn signatures_of_others_stay_as_they_are() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    let digest = image["digest"].as_str().unwrap();
    let config = repository.blob(b"not even JSON".to_vec(), "application/vnd.oci.image.config.v1+json").await;
    let mut others =
        repository.blob(b"their payload".to_vec(), "application/vnd.dev.cosign.simplesigning.v1+json").await;
    others["annotations"] =
        json!({"dev.cosignproject.cosign/signature": "AAAA", "dev.sigstore.cosign/certificate": "theirs"});
    let theirs = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [others], "annotations": {"a": "b"}});
    repository.manifest(&tag(digest, ".sig"), MANIFEST, &theirs).await;
    sign(&format!("{}:1", repository.name), json!({})).await.unwrap();
    let now = manifest(&repository, &tag(digest, ".sig")).await.unwrap();
    assert_eq!((&now["layers"][0], &now["annotations"]), (&others, &json!({"a": "b"})));
    assert_eq!(now["layers"].as_array().unwrap().len(), 2);
    verify(&format!("{}:1", repository.name), json!({})).await.unwrap();
}

#[tokio::test]
async fn signatures_come_along_when_an_image_is_promoted() {
    let (source, target) = (repository(), repository());
    let digest = source.platforms("1").await["digest"].as_str().unwrap().to_owned();
    let copy = |fields: Value| {
        let mut copy = json!({"source": "$(verify.verified)", "targets": format!("{}:1", target.name)});
        copy["referrers"] = fields;
        json!({"steps": [
            {"verify": {"images": format!("{}:1", source.name), "key": {"name": "image-key", "key": "cosign.pub"}}},
            {"push": copy},
        ]})
    };
    let secrets = secrets(&[("cosign.pub", PUBLIC)]);
    let refused = run(secrets.path(), &copy(json!(true))).await.unwrap_err().message;
    assert!(refused.contains("step 1 of 2 (`verify`)"), "{refused}");
    assert_eq!(target.read("1").await, None);
    sign(&format!("{}:1", source.name), json!({})).await.unwrap();
    run(secrets.path(), &copy(json!(true))).await.unwrap();
    let promoted = format!("{}:1", target.name);
    verify(&promoted, json!({})).await.unwrap();
    // Another promotion of the same digest keeps what was signed at the target.
    sign(&promoted, json!({"annotations": {"stage": "prod"}})).await.unwrap();
    sign(&format!("{}:1", source.name), json!({"annotations": {"stage": "dev"}})).await.unwrap();
    run(secrets.path(), &copy(json!(true))).await.unwrap();
    for stage in ["dev", "prod"] {
        verify(&promoted, json!({"annotations": {"stage": stage}})).await.unwrap();
    }
    assert_eq!(count(&target, &digest).await, (3, 3));
}
