//! Keys that cannot be used, and Secrets that may not be.

use serde_json::json;

use super::{KEY, PUBLIC, put, repository, run, secrets};

const RSA: &str = include_str!("../../cosign/keys/rsa.pem");
const ENCRYPTED: &str = include_str!("../../cosign/keys/pkcs8-encrypted.pem");

/// In `steps`, an entry before it would otherwise already have moved a tag.
#[tokio::test]
async fn a_key_that_cannot_be_used_fails_the_node_before_it_does_anything() {
    let repository = repository();
    repository.image("1", b"layer".to_vec()).await;
    let body = json!({"steps": [
        {"push": {"source": format!("{}:1", repository.name), "tags": ["2"]}},
        {"sign": {"image": "$(push.image)", "key": "image-key"}},
    ]});
    for (keys, why) in [
        (&[("cosign.key", RSA)][..], "secret `image-key`, key `cosign.key`: is an RSA key"),
        (&[("cosign.key", PUBLIC)], "is a public key, and signing needs the private key"),
        (&[("cosign.key", "hunter22hunter22")], "is no key in PEM form"),
        (&[("cosign.key", ENCRYPTED)], "is encrypted, and there is no passphrase"),
        (
            &[("cosign.key", ENCRYPTED), ("cosign.password", "wrong-horse")],
            "is encrypted with another passphrase",
        ),
        (&[("cosign.pub", PUBLIC)], "has no key `cosign.key`; it has: cosign.pub"),
        (&[("cosign.key", KEY), ("@use", "git")], "is bound to git, and the step wants it for signing"),
    ] {
        let secrets = secrets(keys);
        let said = run(secrets.path(), &body).await.unwrap_err().message;
        assert!(said.starts_with("step 2 of 2 (`sign`): ") && said.contains(why), "{said}");
        for secret in ["hunter22", "wrong-horse", &KEY[60..80]] {
            assert!(!said.contains(secret), "{said}");
        }
        assert_eq!(repository.read("2").await, None, "{why}");
    }
    let good = secrets(&[("cosign.key", ENCRYPTED), ("cosign.password", "open-sesame"), ("@use", "signing")]);
    let done = run(good.path(), &body).await.unwrap();
    assert_eq!(done.outputs["signatures-added"], "2");
    assert!(!format!("{done:?}").contains("open-sesame"));
}

/// Whether it is off is known once the first entry has run.
#[tokio::test]
async fn a_step_that_will_be_off_needs_no_key() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    let body = json!({"steps": [
        {"push": {"source": format!("{}@{}", repository.name, image["digest"].as_str().unwrap()), "tags": ["1"]}},
        {"sign": {"image": "$(push.image)", "key": "image-key", "enabled": "$(push.changed)"}},
    ]});
    let secrets = secrets(&[("cosign.key", RSA)]);
    run(secrets.path(), &body).await.unwrap();
    // The same as the JSON text of the step, as a template with parameters has it.
    let mut text = body.clone();
    text["steps"][1]["sign"] = body["steps"][1]["sign"].to_string().into();
    run(secrets.path(), &text).await.unwrap();
}

#[tokio::test]
async fn a_passphrase_may_be_in_another_secret() {
    let repository = repository();
    repository.image("1", b"layer".to_vec()).await;
    let secrets = secrets(&[("pem", ENCRYPTED)]);
    put(secrets.path(), "passphrase", &[("it", "open-sesame")]);
    let sign = json!({"sign": {"image": format!("{}:1", repository.name), "key": {"name": "image-key", "key": "pem"},
        "passphrase": {"name": "passphrase", "key": "it"}}});
    run(secrets.path(), &sign).await.unwrap();
}

#[tokio::test]
async fn a_step_that_is_off_does_nothing() {
    let nothing = tempfile::tempdir().unwrap();
    let body = json!({"sign": {"image": "127.0.0.1:1/a:1", "enabled": "false", "key": ""}});
    let done = run(nothing.path(), &body).await.unwrap();
    assert_eq!((done.summary.as_str(), done.outputs["signed"].as_str()), ("signing is off", ""));
}
