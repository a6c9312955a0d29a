//! The fields of `verify`.

use super::{parse, with};
use crate::step::{MentionKind, Step, Verify};

const PUBLIC: &str = include_str!("../../../tests/cosign/keys/public.pem");
const PRIVATE: &str = include_str!("../../../tests/cosign/keys/sec1.pem");
const RSA: &str = include_str!("../../../tests/cosign/keys/rsa-public.pem");

fn verify(fields: &str) -> Result<Verify, String> {
    match parse(&with("verify", fields)) {
        Ok(Step::Verify(verify)) => Ok(*verify),
        Ok(other) => panic!("{other:?}"),
        Err(invalid) => Err(invalid.to_string()),
    }
}

fn pem(text: &str) -> String {
    format!("public-keys: {}", serde_json::Value::from(text))
}

#[test]
fn keys_come_from_a_secret_or_stand_in_the_step() {
    let of_secret = verify("").unwrap();
    let key = of_secret.key.unwrap();
    assert_eq!((key.name.as_str(), key.key.as_str()), ("image-key", "cosign.pub"));
    let written = verify(&format!("key: '', {}", pem(&PUBLIC.repeat(2)))).unwrap();
    assert_eq!((written.key, written.public_keys.len()), (None, 2));
    let of_windows = verify(&pem(&PUBLIC.replace('\n', "\r\n"))).unwrap();
    assert_eq!(of_windows.public_keys, written.public_keys[..1]);
    let both = verify(&pem(PUBLIC)).unwrap();
    assert!(both.key.is_some() && both.public_keys.len() == 1);
    let images = verify("images: 'r.io/a:1, r.io/b, r.io/a:1'").unwrap().images;
    assert_eq!(
        images.iter().map(|image| image.image.to_string()).collect::<Vec<_>>(),
        ["r.io/a:1", "r.io/b:latest"]
    );
}

#[test]
fn what_is_no_verify_is_refused() {
    let many: Vec<_> = (0..51).map(|n| format!("r.io/a{n}")).collect();
    for (fields, why) in [
        ("key: ''", "verify.key: is missing; name a Secret"),
        ("images: []", "verify.images: names no image"),
        ("images: ''", "verify.images: is empty"),
        ("images: null", "verify.images: is empty"),
        (&format!("images: [{}]", many.join(", ")), "verify.images: has 51 images"),
        ("image: r.io/a", "verify.image: unknown field (did you mean `images`?)"),
        ("annotations: {a: ''}, public-keys: x", "verify.public-keys: is no key in PEM form"),
        (&pem(RSA), "verify.public-keys: is an RSA key"),
        (&pem(PRIVATE), "verify.public-keys: is a private key"),
    ] {
        let said = verify(fields).unwrap_err();
        assert!(said.contains(why), "{fields}: {said}");
    }
}

#[test]
fn a_policy_sees_every_image() {
    let step = parse(&with("verify", "images: [r.io/a, 'r.io/b:1']")).unwrap();
    let mentions: Vec<_> =
        step.mentions().into_iter().map(|mention| (mention.kind, mention.written)).collect();
    let expected = [(MentionKind::Images, "r.io/a"), (MentionKind::Images, "r.io/b")];
    assert_eq!(mentions, expected.map(|(kind, written)| (kind, written.to_owned())));
}

/// For the corpus.
pub(super) const TESTS: &[fn()] =
    &[keys_come_from_a_secret_or_stand_in_the_step, what_is_no_verify_is_refused, a_policy_sees_every_image];
