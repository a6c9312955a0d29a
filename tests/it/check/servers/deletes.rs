//! Whether a registry deletes, without a deletion.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use reqwest::Method;
use serde_json::json;

use super::super::Run;
use super::Shop;
use crate::support::images::Repository;
use crate::support::net::{free_port, unique};
use crate::support::registry::{Registry, push_empty};
use crate::support::registry_front::RegistryFront;
use crate::support::shared::shared_registry;

#[tokio::test]
async fn a_registry_is_asked_whether_it_deletes_and_nothing_is_lost() {
    let shop = Shop::open().await;
    let image = shop.repo.image();
    let token = shop.token("good", &shop.owner, &["write:package"]).await;
    let weak = shop.token("weak", &shop.owner, &["read:package"]).await;
    push_empty(&image, "1", (&shop.owner, &token)).await;
    let stranger = shop.gitea.user("stranger").await;
    shop.token("stranger", &stranger, &["write:package"]).await;
    let packages = async || shop.gitea.api(Method::GET, &format!("/packages/{}", shop.owner), None).await.1;
    let before = packages().await;
    let report = shop.report(&["--delete", &format!("{image}=good")]).await;
    let expected = format!("ok   registry delete {image}: may delete, as user `{}`", shop.owner);
    assert_eq!((report.about("registry"), report.code), (expected.as_str(), Some(0)));
    assert_eq!(packages().await, before);
    assert_ne!(before, json!([]));
    for secret in ["=weak", "=stranger", ""] {
        let report = shop.report(&["--delete", &format!("{image}{secret}")]).await;
        let line = report.about("registry delete");
        assert!(line.starts_with("FAIL") && line.contains("refused the login (40"), "{secret}: {line}");
        assert!(!line.contains(&token) && !line.contains(&weak), "{line}");
        assert_eq!(report.code, Some(1));
    }
}

#[tokio::test]
async fn a_registry_that_deletes_nothing_is_told_from_one_that_does() {
    let repository = unique("api");
    let switched = |enabled| {
        let host = format!("127.0.0.1:{}", free_port());
        Registry::start_at(&host, &[("REGISTRY_STORAGE_DELETE_ENABLED", enabled)])
    };
    let rows = [(switched("true"), "ok ", "may delete, as nobody"), (switched("false"), "FAIL", "=true")];
    for (registry, verdict, expected) in &rows {
        let image = format!("{}/{repository}", registry.host());
        for pushed in [false, true] {
            if pushed {
                registry.push_empty(&repository, "1").await;
            }
            let report = Run::new(&["--delete", &image]).report().await;
            let line = report.about("registry delete");
            assert!(line.starts_with(verdict) && line.contains(expected), "{pushed}: {line}");
        }
        assert!(Repository::new(registry.host(), &repository).read("1").await.is_some(), "{image}");
    }
}

#[tokio::test]
async fn each_answer_to_a_delete_has_its_finding() {
    let rows = [
        (StatusCode::NOT_FOUND, "NAME_UNKNOWN", "skip", "name one that has an image"),
        (StatusCode::ACCEPTED, "", "ok ", "may delete"),
        (StatusCode::PRECONDITION_FAILED, "DENIED", "FAIL", "the registry's rules for this repository"),
        (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "FAIL", "answered 503"),
    ];
    for (status, code, verdict, expected) in rows {
        let front = RegistryFront::start(shared_registry().host(), move |seen| {
            let body = json!({"errors": [{"code": code, "message": "no"}]}).to_string();
            (seen.method == "DELETE").then(|| (status, body).into_response())
        })
        .await;
        let image = format!("{}/{}", front.host(), unique("api"));
        let report = Run::new(&["--delete", &image]).report().await;
        let line = report.about("registry delete");
        assert!(line.starts_with(verdict) && line.contains(expected), "{status}: {line}");
        assert_eq!(front.methods(), ["DELETE"], "{status}");
    }
}
