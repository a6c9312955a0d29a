//! The fields of `sign`.

use super::{DIGEST, parse, with};
use crate::step::{MentionKind, Sign, Step};

fn sign(fields: &str) -> Result<Sign, String> {
    match parse(&with("sign", fields)) {
        Ok(Step::Sign(sign)) => Ok(*sign),
        Ok(other) => panic!("{other:?}"),
        Err(invalid) => Err(invalid.to_string()),
    }
}

#[test]
fn the_keys_of_the_secret_are_those_that_cosign_writes() {
    for (fields, key, passphrase) in [
        ("", "image-key/cosign.key", ""),
        ("key: {name: k, key: pem}", "k/pem", ""),
        ("passphrase: p", "image-key/cosign.key", "p/cosign.password"),
        ("passphrase: {name: p, key: x}", "image-key/cosign.key", "p/x"),
        ("enabled: 'false', key: ''", "", ""),
        ("enabled: false", "", ""),
        ("enabled: false, image: ''", "", ""),
    ] {
        let sign = sign(fields).unwrap();
        let shown = |secret: &crate::step::SecretKey| format!("{}/{}", secret.name, secret.key);
        let of = sign.target.as_ref().map(|target| &target.key);
        let found = (
            of.map(|key| shown(&key.key)).unwrap_or_default(),
            of.and_then(|key| key.passphrase.as_ref()).map(shown).unwrap_or_default(),
        );
        assert_eq!(found, (key.to_owned(), passphrase.to_owned()), "{fields}");
    }
    let all = sign(&format!(
        "image: {{ref: 'r.io/a@{DIGEST}', insecure: 'true'}}, children: 'false', annotations: '{{\"a\": \"b c\"}}'"
    ));
    let all = all.unwrap();
    assert!(
        all.target.as_ref().unwrap().image.insecure && !all.children && all.annotations["a"] == "b c",
        "{all:?}"
    );
    assert!(sign("").unwrap().children);
}

#[test]
fn what_is_no_sign_is_refused() {
    let many: Vec<_> = (0..51).map(|n| format!("a{n}: x")).collect();
    for (fields, why) in [
        ("key: ''", "sign.key: is empty"),
        ("key: null", "sign.key: is empty"),
        ("key: '-----BEGIN PRIVATE KEY-----'", "sign.key: is not the name of a Secret"),
        ("passphrase: 'correct horse'", "sign.passphrase: is not the name of a Secret"),
        ("image: null", "sign.image: is empty"),
        ("enabled: x", "sign.enabled: expected true or false"),
        ("image: 'r.io/A'", "sign.image: `r.io/A` is not an image name"),
        ("images: r.io/a", "sign.images: unknown field (did you mean `image`?)"),
        (r#"annotations: {a: "b\nc"}"#, "sign.annotations.a: "),
        (r#"annotations: {a: "b\u0007"}"#, "sign.annotations.a: "),
        (r#"annotations: {"a b": c}"#, "is no name of an annotation"),
        (
            r#"annotations: {"a=b": c}"#,
            "is no name of an annotation: 1 to 128 printable ASCII characters without spaces and `=`",
        ),
        ("annotations: {a: 1}", "sign.annotations.a: expected a string, got the number 1"),
        (&format!("annotations: {{a: {}}}", "x".repeat(1025)), "is 1025 bytes long; at most 1024"),
        (&format!("annotations: {{{}: x}}", "x".repeat(129)), "is no name of an annotation"),
        (&format!("annotations: {{{}}}", many.join(", ")), "has 51 annotations; at most 50"),
    ] {
        let said = sign(fields).unwrap_err();
        assert!(said.contains(why), "{fields}: {said}");
        assert!(!said.contains("BEGIN") && !said.contains("horse"), "{said}");
    }
}

#[test]
fn a_policy_sees_where_signatures_are_written() {
    let step = parse(&with("sign", "")).unwrap();
    let mentions: Vec<_> =
        step.mentions().into_iter().map(|mention| (mention.kind, mention.written)).collect();
    assert_eq!(mentions, [(MentionKind::Push, "reg.example/shop/api".to_owned())]);
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    the_keys_of_the_secret_are_those_that_cosign_writes,
    what_is_no_sign_is_refused,
    a_policy_sees_where_signatures_are_written,
];
