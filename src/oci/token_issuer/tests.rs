#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::super::*;
use super::*;
use crate::oci::IssuerOptions;

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// Writes a key, and a file that contains its public point and so passes for its certificate. Returns the point.
fn pair(directory: &Path, name: &str) -> Vec<u8> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    std::fs::write(directory.join(format!("{name}.key")), pem("PRIVATE KEY", key.as_ref())).unwrap();
    std::fs::write(directory.join(format!("{name}.crt")), pem("CERTIFICATE", &point)).unwrap();
    point
}

fn options(directory: &Path, key: &str, certificate: &str) -> IssuerOptions {
    let (key, certificate) = (directory.join(key), directory.join(certificate));
    IssuerOptions { registry: "Cache.svc:5000".into(), key, certificate, lifetime: Duration::from_secs(300) }
}

fn images(names: &[&str]) -> Vec<ImageRef> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// Header and claims of a token that was signed with the key of `point`.
fn verified(token: &str, point: &[u8]) -> (Value, Value) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message.as_bytes(), &signature).unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let part = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (part(header), part(claims))
}

#[test]
fn a_token_is_for_what_was_asked_as_far_as_the_step_may() {
    let room = tempfile::tempdir().unwrap();
    let point = pair(room.path(), "a");
    let issuer = Arc::new(TokenIssuer::new(options(room.path(), "a.key", "a.crt")).unwrap());
    let from = images(&["cache.svc:5000/cache/base:x", "cache.svc:5000/cache/own", "r.io/cache/foreign"]);
    let to = images(&["cache.svc:5000/cache/own:main"]);
    let rights = issuer.rights("builds", &from, to.first());
    let entry =
        |name: &str, actions: &[&str]| json!({"type": "repository", "name": name, "actions": actions});
    let rows = [
        (vec!["repository:cache/own:pull,push"], Some(json!([entry("cache/own", &["pull", "push"])]))),
        (vec!["repository:cache/own:pull"], Some(json!([entry("cache/own", &["pull"])]))),
        (vec!["repository:cache/own:*"], None),
        (vec!["repository:cache/own:delete,push"], Some(json!([entry("cache/own", &["push"])]))),
        (vec!["repository:cache/base:pull,push"], Some(json!([entry("cache/base", &["pull"])]))),
        (vec!["repository:cache/base:push"], None),
        (
            vec!["repository:cache/own:pull,push repository:cache/theirs:pull"],
            Some(json!([entry("cache/own", &["pull", "push"])])),
        ),
        (
            vec!["repository:cache/theirs:pull", "repository:cache/base:pull"],
            Some(json!([entry("cache/base", &["pull"])])),
        ),
        (vec!["repository:cache/theirs:pull"], None),
        (vec!["repository:cache/foreign:pull"], None),
        (vec!["repository:cache/own/:pull"], None),
        (vec!["registry:catalog:*"], None),
        (vec!["repository:cache/own"], None),
        (vec![""], None),
        (vec![], None),
    ];
    for (asked, access) in rows {
        let asked: Vec<_> = asked.into_iter().map(str::to_owned).collect();
        let token = rights.token(&asked).map(|token| verified(token.value.expose_secret(), &point).1);
        assert_eq!(token.ok().map(|mut claims| claims["access"].take()), access, "{asked:?}");
    }
    let refused = rights.token(&["repository:cache/theirs:pull".to_owned()]).unwrap_err().to_string();
    insta::assert_snapshot!(refused, @"no token for registry cache.svc:5000: a step reaches the caches there that its `cache.from` and `cache.to` name, and nothing else; this one names: cache/base (pull), cache/own (pull,push); asked for was: repository:cache/theirs:pull; name the cache in one of them");
}

#[test]
fn a_cleanup_reads_and_deletes_in_one_repository() {
    let room = tempfile::tempdir().unwrap();
    let point = pair(room.path(), "a");
    let issuer = Arc::new(TokenIssuer::new(options(room.path(), "a.key", "a.crt")).unwrap());
    let own = images(&["cache.svc:5000/cache/own"]);
    for (deletes, actions) in [(false, json!(["pull"])), (true, json!(["pull", "delete"]))] {
        let rights = issuer.cleanup_rights("builds", &own[0], deletes);
        let token = |name: &str| rights.token(&[format!("repository:{name}:pull,push,delete")]);
        let claims = verified(token("cache/own").unwrap().value.expose_secret(), &point).1;
        assert_eq!(
            claims["access"],
            json!([{"type": "repository", "name": "cache/own", "actions": actions}])
        );
        assert!(token("cache/theirs").is_err());
    }
    let foreign = images(&["r.io/cache/own"]);
    let rights = issuer.cleanup_rights("builds", &foreign[0], true);
    assert!(rights.token(&["repository:cache/own:pull".to_owned()]).is_err());
}

#[test]
fn a_token_says_who_whose_and_for_how_long() {
    let room = tempfile::tempdir().unwrap();
    let point = pair(room.path(), "a");
    let issuer = Arc::new(TokenIssuer::new(options(room.path(), "a.key", "a.crt")).unwrap());
    let to = images(&["cache.svc:5000/a"]);
    let sign = || issuer.rights("builds", [], to.first()).token(&["repository:a:push".to_owned()]).unwrap();
    let (token, other) = (sign(), sign());
    assert_eq!(token.lifetime, 300);
    let (header, claims) = verified(token.value.expose_secret(), &point);
    assert_eq!(header, json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&point)]}));
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (&json!("argo-buildkit"), &json!("builds"), &json!("Cache.svc:5000"))
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert_eq!(claims["nbf"], claims["iat"]);
    assert_ne!(claims["jti"], verified(other.value.expose_secret(), &point).1["jti"]);

    // A renewed key is used without a restart.
    let renewed = pair(room.path(), "a");
    verified(sign().value.expose_secret(), &renewed);
}

#[test]
fn a_login_is_not_for_the_registry_whose_tokens_are_signed_here() {
    let room = tempfile::tempdir().unwrap();
    pair(room.path(), "a");
    let issuer = Arc::new(TokenIssuer::new(options(room.path(), "a.key", "a.crt")).unwrap());
    let login = || Login::Password { user: "u".into(), password: "p".into() };
    let auth = Auth::default().with("cache.svc:5000", login()).with("cache.svc", login());
    let auth = auth.with_cache(Some(issuer.rights("builds", [], None)));
    for (host, ours) in [("cache.svc:5000", true), ("CACHE.svc:5000", true), ("cache.svc", false)] {
        assert_eq!((auth.cache(host).is_some(), auth.login(host).is_some()), (ours, !ours), "{host}");
    }
}

#[test]
fn a_key_that_cannot_sign_is_told_at_the_start() {
    let room = tempfile::tempdir().unwrap();
    pair(room.path(), "a");
    pair(room.path(), "b");
    std::fs::write(room.path().join("empty"), "").unwrap();
    std::fs::write(room.path().join("sec1.key"), pem("EC PRIVATE KEY", b"x")).unwrap();
    std::fs::write(room.path().join("rsa.key"), pem("PRIVATE KEY", b"x")).unwrap();
    let told = |key: &str, certificate: &str| {
        let error = TokenIssuer::new(options(room.path(), key, certificate)).unwrap_err().to_string();
        error.replace(&room.path().display().to_string(), "ROOM")
    };
    let rows = [
        told("no.key", "a.crt"),
        told("sec1.key", "a.crt"),
        told("rsa.key", "a.crt"),
        told("a.key", "empty"),
        told("a.key", "b.crt"),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    cannot sign tokens for the cache registry with ROOM/no.key: I/O error: No such file or directory (os error 2); it must be an ECDSA P-256 key in PKCS#8 (PEM); make the pair anew (docs/agent.md)
    cannot sign tokens for the cache registry with ROOM/sec1.key: no items found; it must be an ECDSA P-256 key in PKCS#8 (PEM); make the pair anew (docs/agent.md)
    cannot sign tokens for the cache registry with ROOM/rsa.key: InvalidEncoding; it must be an ECDSA P-256 key in PKCS#8 (PEM); make the pair anew (docs/agent.md)
    cannot sign tokens for the cache registry with ROOM/empty: there is no certificate in it; make the pair anew (docs/agent.md)
    cannot sign tokens for the cache registry with ROOM/b.crt: its first certificate is not that of the key in ROOM/a.key; make the pair anew (docs/agent.md)
    ");
}
