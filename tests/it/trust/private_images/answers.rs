//! Answers of a registry that count as a permission, and who must act after the others.

use argo_buildkit::oci::{Auth, ImageRef, LazyClient, OciError, Registry};
use argo_buildkit::outcome::Fault;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256, Sha512};

use crate::support::certificates::Authority;
use crate::support::registry::free_port;
use crate::support::scripted::{Asked, Scripted};
use crate::support::tls_proxy::TlsProxy;

type Answer = fn(&Asked) -> Response;

const MANIFEST: &[u8] = br#"{"schemaVersion":2}"#;

fn digest() -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(MANIFEST)))
}

async fn asked(registry: Registry, host: &str) -> Result<(), OciError> {
    let image: ImageRef = format!("{host}/team/private").parse().unwrap();
    registry.may_pull(&image, &digest(), &Auth::default(), false).await
}

/// The manifest, with `said` as its digest.
fn manifest(body: impl Into<axum::body::Body>, said: Option<String>) -> Response {
    let mut answer = body.into().into_response();
    if let Some(said) = said {
        answer.headers_mut().insert("docker-content-digest", said.parse().unwrap());
    }
    answer
}

fn methods(server: &Scripted) -> Vec<String> {
    server.asked().into_iter().map(|asked| asked.method).collect()
}

async fn plain(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Result<(), OciError> {
    let server = Scripted::start(move |_, asked| answer(asked)).await;
    asked(Registry::default(), server.host()).await
}

#[tokio::test]
async fn over_plain_http_the_manifest_itself_has_to_come() {
    plain(|_| manifest(MANIFEST, None)).await.unwrap();
    let lies: [(Answer, &str); 3] = [
        (|_| StatusCode::OK.into_response(), "has another digest"),
        (|_| manifest("{}", Some(digest())), "has another digest"),
        (|_| manifest(vec![b' '; 5 << 20], Some(digest())), "longer than 4 MiB"),
    ];
    for (lie, why) in lies {
        let error = plain(lie).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.fault(), Fault::User, "{error}");
    }
}

#[tokio::test]
async fn a_digest_of_either_algorithm_is_held_against_the_manifest() {
    let server = Scripted::start(|_, _| manifest(MANIFEST, None)).await;
    let long = hex::encode(Sha512::digest(MANIFEST));
    for (digest, right) in [(long, true), ("0".repeat(128), false)] {
        let (image, digest) = (format!("{}/a", server.host()).parse().unwrap(), format!("sha512:{digest}"));
        let told = Registry::default().may_pull(&image, &digest, &Auth::default(), false).await;
        assert_eq!(told.is_ok(), right, "{told:?}");
    }
}

#[tokio::test]
async fn each_refusal_and_each_failure_has_its_turn() {
    let rows = [
        (401, Fault::User, "refused the login (401, as nobody)"),
        (403, Fault::User, "refused the login (403, as nobody)"),
        (
            404,
            Fault::User,
            "has no such image, or not for this login (as nobody); check the image's name and tag",
        ),
        (405, Fault::User, "status 405"),
        (429, Fault::Transient, "answered 429"),
        (500, Fault::Transient, "answered 500"),
        (503, Fault::Transient, "answered 503"),
    ];
    for (status, fault, says) in rows {
        let error = plain(move |_| StatusCode::from_u16(status).unwrap().into_response()).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.fault(), fault, "{error}");
    }
    let error = asked(Registry::default(), &format!("127.0.0.1:{}", free_port())).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Transient, "{error}");
}

/// The clock stands still until there is nothing else to wait for.
#[tokio::test(start_paused = true)]
async fn a_registry_that_says_nothing_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = asked(Registry::default(), &listener.local_addr().unwrap().to_string()).await.unwrap_err();
    assert!(matches!(error, OciError::Unreachable { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Transient, "{error}");
}

/// The requests over https, and their results.
async fn secure(
    answer: impl Fn(&Asked) -> Response + Send + Sync + 'static,
) -> (Result<(), OciError>, Vec<String>) {
    let authority = Authority::new();
    let server = Scripted::start(move |_, asked| answer(asked)).await;
    let proxy = TlsProxy::start(server.host(), &authority.sign("registry.example")).await;
    let registry = Registry::new(LazyClient::new(Some(authority.ca())));
    let told = asked(registry, &proxy.host()).await;
    (told, methods(&server))
}

/// A certificate proves only the host. An attacker can have one for a host of his own.
#[tokio::test]
async fn over_https_too_the_manifest_itself_has_to_come() {
    let (told, asked) = secure(|_| manifest(MANIFEST, None)).await;
    told.unwrap();
    assert_eq!(asked, ["GET"]);
    let yes: [Answer; 2] = [|_| manifest("", Some(digest())), |_| manifest("{}", Some(digest()))];
    for yes in yes {
        let (told, _) = secure(yes).await;
        assert!(told.unwrap_err().to_string().contains("has another digest"));
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_no_answer() {
    let authority = Authority::new();
    let server = Scripted::start(|_, _| manifest(MANIFEST, Some(digest()))).await;
    let proxy = TlsProxy::start(server.host(), &authority.sign("registry.example")).await;
    let told = asked(Registry::default(), &proxy.host()).await;
    assert!(matches!(told, Err(OciError::Untrusted { .. })), "{told:?}");
    assert_eq!(server.asked(), []);
}
