//! Our own client's requests to registries: manifests, blobs, uploads.

use argo_buildkit::oci::{Auth, BuildArtifact, ImageRef, LOG_ARTIFACT, Login, OciError, Registry};
use argo_buildkit::outcome::Fault;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{inner, registry, unseen};
use crate::support::scripted::{Scripted, ok, redirect};

fn image(registry: &Scripted) -> ImageRef {
    format!("{}/a:1", registry.host()).parse().unwrap()
}

fn login(registry: &Scripted) -> Auth {
    let login = Login::Password { user: "ci".to_owned(), password: "hunter2".into() };
    Auth::default().with(registry.host(), login)
}

#[tokio::test]
async fn no_login_and_no_manifest_goes_by_a_redirect() {
    let inner = inner().await;
    for token_redirects in [true, false] {
        let to = inner.url("/latest/secret");
        let attacker = registry("/token", move |_, asked| match asked.path.starts_with("/token") {
            true if !token_redirects => ok("application/json", r#"{"token": "own"}"#),
            _ => redirect(307, &to),
        })
        .await;
        let (client, auth) = (Registry::default(), login(&attacker));
        let exists = client.manifest_exists(&image(&attacker), &auth, false).await.unwrap_err();
        let described = client.describe(&image(&attacker), &auth, false).await.unwrap_err();
        let pushes = client.may_push(&image(&attacker), &auth, false).await.unwrap_err();
        unseen(&inner, &attacker);
        for error in [exists, described, pushes] {
            let says = format!("it redirects to http://{}, and neither a login nor a token", inner.host());
            assert!(error.to_string().contains(&says) && !error.to_string().contains("latest"), "{error}");
            assert_eq!(error.fault(), Fault::User);
        }
    }
}

#[tokio::test]
async fn a_registry_that_redirects_to_itself_is_not_advised_to_be_named_as_it_is() {
    let registry = Scripted::start(|_, asked| redirect(307, &asked.path)).await;
    let asked = Registry::default().manifest_exists(&image(&registry), &Auth::default(), false).await;
    let error = asked.unwrap_err().to_string();
    assert!(error.contains("it redirects to itself again and again; check the address"), "{error}");
}

#[tokio::test]
async fn a_manifest_is_read_elsewhere_from_public_servers_alone() {
    for place in ["https://localhost:1/x", "https://10.0.0.1/x", "https://[::1]/x"] {
        let registry = Scripted::start(move |_, _| redirect(307, place)).await;
        let (client, auth) = (Registry::default(), Auth::default());
        let exists = client.manifest_exists(&image(&registry), &auth, false).await.unwrap_err();
        let described = client.describe(&image(&registry), &auth, false).await.unwrap_err();
        for error in [exists, described] {
            assert!(matches!(error, OciError::NotAsked { .. }), "{error}");
            assert!(error.to_string().contains("is a private or loopback address"), "{error}");
        }
    }
    // The redirect is followed, and the other registry does not have the image.
    let registry = Scripted::start(move |_, _| redirect(307, "https://registry.invalid/x")).await;
    let asked = Registry::default().manifest_exists(&image(&registry), &Auth::default(), false).await;
    assert!(matches!(asked, Err(OciError::Unreachable { .. })), "{asked:?}");
}

#[tokio::test]
async fn no_upload_is_sent_to_another_server() {
    let inner = inner().await;
    let to = inner.url("/write-here");
    let attacker = registry("/token", move |_, asked| match asked.path.starts_with("/token") {
        true => ok("application/json", r#"{"token": "own"}"#),
        false => (StatusCode::ACCEPTED, [(LOCATION, to.clone())]).into_response(),
    })
    .await;
    let log = BuildArtifact::new(b"log".to_vec(), None, String::new(), [].into());
    let (client, auth) = (Registry::default(), login(&attacker));
    let error = client.attach(&log, &image(&attacker), Some("1"), &auth, false).await.unwrap_err();
    assert!(error.to_string().contains("is not asked: it redirects to"), "{error}");
    // The upload is cancelled there as well.
    client.may_push(&image(&attacker), &auth, false).await.unwrap();
    unseen(&inner, &attacker);
}

#[tokio::test]
async fn a_log_is_pushed_to_a_registry_that_keeps_its_blobs_in_a_store() {
    let store = inner().await;
    let at = store.url("/blob");
    let registry = Scripted::start(move |_, asked| match asked.method.as_str() {
        "HEAD" => redirect(307, &at),
        "POST" => (StatusCode::ACCEPTED, [(LOCATION, "/v2/a/blobs/uploads/1")]).into_response(),
        _ => StatusCode::CREATED.into_response(),
    })
    .await;
    let log = BuildArtifact::new(b"log".to_vec(), None, String::new(), [].into());
    Registry::default().attach(&log, &image(&registry), Some("1"), &Auth::default(), false).await.unwrap();
    assert!(registry.asked().iter().any(|asked| asked.method == "HEAD"));
    assert_eq!(store.asked(), []);
}

/// A registry that keeps its blobs in a store. `blob` is the address of the redirect.
async fn with_store(log: &'static [u8], blob: impl Fn() -> String + Send + Sync + 'static) -> Scripted {
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(log)));
    registry("/token", move |_, asked| match asked.path.as_str() {
        path if path.starts_with("/token") => ok("application/json", r#"{"token": "own"}"#),
        path if path.contains("/blobs/") => redirect(307, &blob()),
        _ => {
            let manifest = json!({"artifactType": LOG_ARTIFACT, "layers": [{"digest": digest}]});
            ok("application/json", manifest.to_string())
        }
    })
    .await
}

#[tokio::test]
async fn a_blob_is_read_from_a_store_without_the_login() {
    let store = Scripted::start(|_, _| ok("application/octet-stream", "log")).await;
    let at = store.url("/blob?signature=s");
    let registry = with_store(b"log", move || at.clone()).await;
    let auth = login(&registry);
    let log = Registry::default().log(&image(&registry), &auth, false).await.unwrap();
    assert_eq!(log.as_deref(), Some(&b"log"[..]));
    let asked = store.asked();
    assert_eq!(
        (asked.len(), asked[0].path.as_str(), asked[0].authorization.as_str()),
        (1, "/blob?signature=s", "")
    );
    assert!(registry.asked().iter().any(|asked| asked.authorization == "Bearer own"));

    // The content of the store must have the manifest's digest.
    let other = Scripted::start(|_, _| ok("application/json", "its secret")).await;
    let at = other.url("/");
    let registry = with_store(b"log", move || at.clone()).await;
    let error = Registry::default().log(&image(&registry), &login(&registry), false).await.unwrap_err();
    assert!(
        error.to_string().contains("has another digest") && !error.to_string().contains("secret"),
        "{error}"
    );
}

#[tokio::test]
async fn a_store_has_no_login_to_ask_for_and_no_address_of_the_machines_own() {
    // It answers like a registry that demands a login, and names another token server.
    let inner = inner().await;
    let realm = inner.url("/token");
    let store = Scripted::start(move |_, _| crate::support::scripted::challenge(&realm)).await;
    let at = store.url("/blob");
    let registry = with_store(b"log", move || at.clone()).await;
    Registry::default().log(&image(&registry), &login(&registry), false).await.unwrap_err();
    unseen(&inner, &store);
    assert_eq!(store.asked().len(), 1);
    for place in ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/"] {
        let registry = with_store(b"log", || place.to_owned()).await;
        let error = Registry::default().log(&image(&registry), &login(&registry), false).await.unwrap_err();
        assert!(matches!(error, OciError::NotAsked { .. }), "{error}");
        assert!(error.to_string().contains("no request is sent there"), "{error}");
    }
}

#[tokio::test]
async fn a_registry_at_a_metadata_address_is_not_asked() {
    for host in ["169.254.169.254", "168.63.129.16:80"] {
        let image = format!("{host}/a:1").parse().unwrap();
        for insecure in [true, false] {
            let error =
                Registry::default().manifest_exists(&image, &Auth::default(), insecure).await.unwrap_err();
            assert!(matches!(error, OciError::NotAsked { .. }), "{error}");
            assert_eq!(error.fault(), Fault::User);
        }
    }
}
