//! What both cosigns wrote for a small image, as tests/cosign/record.sh recorded it, and what we write beside it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{manifest, put, repository, run, tag, verify};
use crate::support::images::{INDEX, MANIFEST, Repository, digest};

const KEY: &str = include_str!("../../cosign/keys/cosign.key");
const PUBLIC: &str = include_str!("../../cosign/keys/cosign.pub");
const IMAGE: &[u8] = include_bytes!("../../cosign/image.json");
const CONFIG: &[u8] = include_bytes!("../../cosign/config.json");

/// What stands in place of what differs between two signatures.
const MASK: &str = "…";

fn file(recording: &str, name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cosign").join(recording).join(name);
    fs::read(path).ok()
}

/// A repository with the image, and with the recorded signatures.
async fn replayed(recording: &str) -> Repository {
    let repository = repository();
    repository.blob(CONFIG.to_vec(), "").await;
    repository.raw("1", MANIFEST, IMAGE.to_vec()).await;
    for blob in ["config.json", "payload.json", "bundle.json"] {
        if let Some(bytes) = file(recording, blob) {
            repository.blob(bytes, "").await;
        }
    }
    repository.blob(b"{}".to_vec(), "").await;
    let image = digest(IMAGE);
    for (name, kind, bytes) in [
        (tag(&image, ".sig"), MANIFEST, file(recording, "signatures.json")),
        (String::new(), MANIFEST, file(recording, "artifact.json")),
        (tag(&image, ""), INDEX, file(recording, "list.json")),
    ] {
        if let Some(bytes) = bytes {
            repository.raw(&name, kind, bytes).await;
        }
    }
    repository
}

/// Replaces what differs between two signatures.
fn masked(mut value: Value) -> Value {
    const DIFFERS: [&str; 6] = [
        "digest",
        "size",
        "diff_ids",
        "dev.cosignproject.cosign/signature",
        "org.opencontainers.image.created",
        "docker-reference",
    ];
    match &mut value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                *member = if DIFFERS.contains(&name.as_str()) { MASK.into() } else { masked(member.take()) };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = masked(item.take())),
        _ => {}
    }
    value
}

fn recorded(recording: &str, name: &str) -> Value {
    masked(serde_json::from_slice(&file(recording, name).unwrap()).unwrap())
}

async fn sign(repository: &Repository) -> String {
    let secrets = super::secrets(&[("cosign.key", KEY)]);
    put(secrets.path(), "passphrase", &[("cosign.password", "open-sesame")]);
    let body = json!({"sign": {"image": format!("{}:1", repository.name), "key": "image-key", "passphrase": "passphrase",
        "annotations": {"stage": "dev"}}});
    run(secrets.path(), &body).await.unwrap().outputs["signatures-added"].clone()
}

#[tokio::test]
async fn what_both_cosigns_recorded_counts_and_a_bundle_is_added_once() {
    // A payload names the repository, so the recorded classic ones are none of this repository.
    for (recording, form, added) in [
        ("v2-classic", "(classic signature)", "2"),
        ("v3-classic", "(classic signature)", "2"),
        ("v3-bundle", "(bundle)", "1"),
    ] {
        let repository = replayed(recording).await;
        let image = format!("{}:1", repository.name);
        let with = |stage: &str| json!({"public-keys": PUBLIC, "annotations": {"stage": stage}});
        let done = verify(&image, with("dev")).await.unwrap();
        assert!(done.summary.ends_with(form), "{recording}: {}", done.summary);
        let said = verify(&image, with("prod")).await.unwrap_err().message;
        assert!(said.contains("1 without the wanted annotation `stage`"), "{recording}: {said}");
        assert_eq!(sign(&repository).await, added, "{recording}");
    }
}

#[tokio::test]
async fn what_we_write_has_the_form_of_what_cosign_writes() {
    let repository = replayed("absent").await;
    assert_eq!(sign(&repository).await, "2");
    let image = digest(IMAGE);
    let signatures = manifest(&repository, &tag(&image, ".sig")).await.unwrap();
    let blob = async |of: &Value| {
        let bytes = repository.content(of["digest"].as_str().unwrap()).await;
        masked(serde_json::from_slice(&bytes).unwrap())
    };
    let (config, payload) = (blob(&signatures["config"]).await, blob(&signatures["layers"][0]).await);
    for recording in ["v2-classic", "v3-classic"] {
        assert_eq!(masked(signatures.clone()), recorded(recording, "signatures.json"), "{recording}");
        assert_eq!(config, recorded(recording, "config.json"), "{recording}");
        assert_eq!(payload, recorded(recording, "payload.json"), "{recording}");
    }
    let mut list = manifest(&repository, &tag(&image, "")).await.unwrap();
    let artifact = manifest(&repository, list["manifests"][0]["digest"].as_str().unwrap()).await.unwrap();
    let mut bundle = blob(&artifact["layers"][0]).await;
    let mut theirs = recorded("v3-bundle", "bundle.json");
    // A list is to have the annotations of what it names (OCI distribution-spec, "Pushing Manifests with Subject"); cosign's has none.
    let annotations = list["manifests"][0].as_object_mut().unwrap().remove("annotations");
    assert_eq!(annotations.as_ref(), Some(&artifact["annotations"]));
    assert_eq!(masked(list), recorded("v3-bundle", "list.json"));
    let mut their_artifact = recorded("v3-bundle", "artifact.json");
    // cosign's Go type for a config has a field too many.
    their_artifact["config"].as_object_mut().unwrap().remove("artifactType");
    assert_eq!(masked(artifact), their_artifact);
    for bundle in [&mut bundle, &mut theirs] {
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = MASK.into();
        let statement = bundle["dsseEnvelope"]["payload"].take();
        let statement =
            base64::Engine::decode(&base64::prelude::BASE64_STANDARD, statement.as_str().unwrap());
        bundle["dsseEnvelope"]["payload"] = serde_json::from_slice(&statement.unwrap()).unwrap();
    }
    assert_eq!(bundle, theirs);
}
