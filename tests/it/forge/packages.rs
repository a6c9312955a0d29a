//! Links of images in Gitea's registry to their repository.

use argo_buildkit::forge::{ForgeError, ForgeRepository};
use reqwest::Method;
use serde_json::{Value, json};

use super::Bench;
use crate::support::images::Repository;
use crate::support::net::unique;

/// A bench whose token may write packages too.
async fn bench() -> Bench {
    Bench::with(&["write:repository", "write:package"]).await
}

/// Pushes an image of `owner`. Returns its path.
async fn image(bench: &Bench, owner: &str, name: &str) -> String {
    let path = format!("{owner}/{name}");
    let token = bench.gitea.token(owner, &["write:package"]).await;
    let repository = Repository::new(bench.gitea.host(), &path).with_user(owner, &token);
    repository.dated("1", "2026-01-01T00:00:00Z", json!({})).await;
    path
}

async fn link(bench: &Bench, path: &str) -> Result<bool, ForgeError> {
    bench.forge.link_package(&bench.repository, &bench.token, path).await
}

/// The repository that an image is linked to.
async fn linked_to(bench: &Bench, name: &str) -> Value {
    let path = format!("/packages/{}/container/{}/-/latest", bench.owner, name.replace('/', "%2F"));
    bench.gitea.call(Method::GET, &path, None).await["repository"]["full_name"].clone()
}

#[tokio::test]
async fn an_image_is_linked_once() {
    let bench = bench().await;
    for name in [unique("api"), format!("{}/worker", unique("api"))] {
        let path = image(&bench, &bench.owner, &name).await;
        assert_eq!(linked_to(&bench, &name).await, Value::Null);
        assert!(link(&bench, &path).await.unwrap());
        assert_eq!(linked_to(&bench, &name).await, bench.repo.full_name());
        assert!(!link(&bench, &path).await.unwrap());
    }
}

#[tokio::test]
async fn the_link_of_another_repository_stays() {
    let bench = bench().await;
    let (name, other) = (unique("api"), bench.gitea.repo(&bench.owner, "other").await);
    let path = image(&bench, &bench.owner, &name).await;
    let repository = ForgeRepository::from_clone_url(&other.url(), None, None).unwrap();
    assert!(bench.forge.link_package(&repository, &bench.token, &path).await.unwrap());
    let error = link(&bench, &path).await.unwrap_err();
    assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("it is linked to `{}`", other.full_name())), "{error}");
    assert_eq!(linked_to(&bench, &name).await, other.full_name());
}

#[tokio::test]
async fn an_image_that_is_not_there_or_is_somebody_elses_is_not_linked() {
    let bench = bench().await;
    let error = link(&bench, &format!("{}/{}", bench.owner, unique("nowhere"))).await.unwrap_err();
    assert!(matches!(error, ForgeError::Missing { .. }), "{error:?}");
    let stranger = bench.gitea.user("stranger").await;
    let error = link(&bench, &image(&bench, &stranger, "api").await).await.unwrap_err();
    assert!(error.to_string().contains(&format!("does not belong to `{}`", bench.owner)), "{error}");

    let token = bench.gitea.token(&bench.owner, &["write:repository"]).await.into();
    let path = image(&bench, &bench.owner, &unique("api")).await;
    let bench = Bench { token, ..bench };
    let error = link(&bench, &path).await.unwrap_err();
    assert!(matches!(error, ForgeError::Login { .. }), "{error:?}");
    assert!(error.to_string().contains(":package`"), "{error}");
}
