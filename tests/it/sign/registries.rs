//! Registries of several kinds, and those that refuse.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::json;

use super::{KEY, PUBLIC, count, put, repository, run, secrets, sign, tag, verify};
use crate::support::images::{INDEX, Repository};
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::scripted::ok;
use crate::support::shared::{World, shared_registry};

/// The image `name` behind a proxy.
pub(super) fn behind(front: &RegistryFront, repository: &Repository) -> String {
    format!("{}/{}:1", front.host(), repository.name.split_once('/').unwrap().1)
}

#[tokio::test]
async fn gitea_keeps_signatures_and_lists_bundles_under_a_tag() {
    let gitea = World::shared().await.gitea;
    let owner = gitea.user("signing").await;
    let token = gitea.token(&owner, &["write:package"]).await;
    let repository = Repository::new(gitea.host(), &format!("{owner}/api")).with_user(&owner, &token);
    let index = repository.platforms("1").await;
    let secrets = secrets(&[("cosign.key", KEY), ("cosign.pub", PUBLIC)]);
    put(secrets.path(), "gitea", &[(".dockerconfigjson", &gitea.docker_config_json(&owner, &token))]);
    let sign = json!({"sign": {"image": format!("{}:1", repository.name), "key": "image-key", "registry-secret": "gitea"}});
    assert_eq!(run(secrets.path(), &sign).await.unwrap().outputs["signatures-added"], "10");
    assert_eq!(run(secrets.path(), &sign).await.unwrap().outputs["signatures-added"], "0");
    assert_eq!(count(&repository, index["digest"].as_str().unwrap()).await, (1, 1));
    let verify = json!({"verify": {"images": format!("{}:1", repository.name), "key": "image-key", "registry-secret": "gitea"}});
    run(secrets.path(), &verify).await.unwrap();
}

/// A registry with the referrers API lists bundles itself.
#[tokio::test]
async fn a_registry_that_keeps_the_list_itself_gets_no_index() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    let listing = |seen: &Seen| {
        seen.path
            .contains("/referrers/")
            .then(|| ok(INDEX, json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).to_string()))
    };
    let front = RegistryFront::start(shared_registry().host(), listing).await;
    sign(&behind(&front, &repository), json!({})).await.unwrap();
    assert_eq!(count(&repository, image["digest"].as_str().unwrap()).await, (1, 0));
    let puts: Vec<_> = front
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "PUT" && seen.path.contains("/manifests/"))
        .collect();
    assert_eq!(puts.len(), 2, "{puts:?}");
    verify(&format!("{}:1", repository.name), json!({})).await.unwrap();
}

#[tokio::test]
async fn a_signature_that_is_refused_fails_the_step() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    let signatures = format!("/manifests/{}", tag(image["digest"].as_str().unwrap(), ".sig"));
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        (seen.method == "PUT" && seen.path.ends_with(&signatures))
            .then(|| StatusCode::FORBIDDEN.into_response())
    })
    .await;
    let body = json!({"steps": [
        {"sign": {"image": behind(&front, &repository), "key": "image-key"}},
        {"push": {"source": "$(sign.signed)", "tags": ["deployed"]}},
    ]});
    let said = run(secrets(&[("cosign.key", KEY)]).path(), &body).await.unwrap_err().message;
    assert!(said.contains("step 1 of 2 (`sign`)") && said.contains("refused the login (403"), "{said}");
    assert_eq!(repository.read("deployed").await, None);
}

/// The tag is another's again after each write.
#[tokio::test]
async fn a_tag_that_is_overwritten_once_is_written_again() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    let signatures = format!("/manifests/{}", tag(image["digest"].as_str().unwrap(), ".sig"));
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        // The second look finds nothing, as if the write had not been.
        let is_look = matches!(seen.method.as_str(), "GET" | "HEAD");
        (is_look && seen.path.ends_with(&signatures) && seen.before == 1)
            .then(|| StatusCode::NOT_FOUND.into_response())
    })
    .await;
    sign(&behind(&front, &repository), json!({})).await.unwrap();
    let puts = front.seen().iter().filter(|seen| seen.method == "PUT" && seen.path.ends_with(".sig")).count();
    assert_eq!(puts, 2);
    assert_eq!(count(&repository, image["digest"].as_str().unwrap()).await, (1, 1));
}

/// Another one wrote the tag after it was read, while the registry had us wait.
#[tokio::test]
async fn a_signature_that_came_meanwhile_stays() {
    let repository = repository();
    let image = repository.image("1", b"layer".to_vec()).await;
    let digest = image["digest"].as_str().unwrap();
    sign(&format!("{}:1", repository.name), json!({"annotations": {"by": "another"}})).await.unwrap();
    let signatures = format!("/manifests/{}", tag(digest, ".sig"));
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        (seen.method == "GET" && seen.path.ends_with(&signatures) && seen.before == 0)
            .then(|| StatusCode::NOT_FOUND.into_response())
    })
    .await;
    sign(&behind(&front, &repository), json!({"annotations": {"by": "us"}})).await.unwrap();
    assert_eq!(count(&repository, digest).await, (2, 2));
    verify(&format!("{}:1", repository.name), json!({"annotations": {"by": "another"}})).await.unwrap();
}

#[tokio::test]
async fn an_overloaded_registry_is_asked_again() {
    let repository = repository();
    repository.image("1", b"layer".to_vec()).await;
    let front = RegistryFront::start(shared_registry().host(), |seen| {
        // Each upload has an address of its own, so each would be the first.
        let is_upload = seen.method == "PUT" && seen.path.contains("/blobs/uploads/");
        (seen.before == 0 && !is_upload).then(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
    })
    .await;
    sign(&behind(&front, &repository), json!({})).await.unwrap();
    verify(&format!("{}:1", repository.name), json!({})).await.unwrap();
}
