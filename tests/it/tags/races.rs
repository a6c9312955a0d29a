//! What changes between a plan and its deletions, and registries that lie meanwhile.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::retention::{days_ago, list};
use super::tags;
use crate::support::images::{INDEX, MANIFEST, Repository};
use crate::support::net::unique;
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shared::shared_registry;

/// Three images, a minute old, the newest last.
pub(super) async fn three() -> Repository {
    let repository = Repository::new(shared_registry().host(), &format!("tags/{}", unique("race")));
    for (n, tag) in ["1.0.0", "1.1.0", "1.2.0"].into_iter().enumerate() {
        repository.dated_index(tag, &days_ago(9 - n as i64)).await;
    }
    repository
}

/// Runs a cleanup that keeps one image, through a front.
pub(super) async fn clean(
    repository: &Repository,
    fault: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static,
) -> Result<argo_buildkit::outcome::Success, argo_buildkit::outcome::StepError> {
    let front = RegistryFront::start(shared_registry().host(), fault).await;
    let name = format!("{}/{}", front.host(), repository.name.split_once('/').unwrap().1);
    tags(json!({"image": name, "filter": {"semver": "*"}, "delete": {"keep": 1, "dry-run": false}})).await
}

fn is(seen: &Seen, method: &str, end: &str) -> bool {
    seen.method == method && seen.path.ends_with(end)
}

#[tokio::test]
async fn a_tag_that_moved_is_not_deleted() {
    let repository = three().await;
    let digest = crate::support::images::digest(&repository.read("1.0.0").await.unwrap());
    let signature = format!("{}.sig", digest.replacen(':', "-", 1));
    repository.image(&signature, b"signature".to_vec()).await;
    let moved = |seen: &Seen| {
        let other = format!("sha256:{}", "0".repeat(64));
        is(seen, "HEAD", "/manifests/1.0.0").then(|| [("docker-content-digest", other)].into_response())
    };
    let done = clean(&repository, moved).await.unwrap();
    assert_eq!(list(&done.outputs["deleted"]), ["1.1.0"]);
    assert!(
        done.outputs["warnings"].contains("1.0.0 stays, because tag 1.0.0 moved meanwhile"),
        "{}",
        done.outputs["warnings"]
    );
    let left = format!("{signature} stays, because what it is about is still there");
    assert!(done.outputs["warnings"].contains(&left), "{}", done.outputs["warnings"]);
    repository.checked("1.0.0").await;
    assert_eq!(repository.read("1.1.0").await, None);
}

/// `1.0.0` and `v1.0.0` name one image, which shares a platform with that of `1.1.0`. Then `1.0.0` moves to the newest.
#[tokio::test]
async fn an_image_that_stays_keeps_what_it_shares_with_deleted_ones() {
    let repository = Repository::new(shared_registry().host(), &format!("tags/{}", unique("race")));
    let shared = repository.dated("", &days_ago(9), json!({})).await;
    let other = repository.dated("", &days_ago(8), json!({})).await;
    let index = |entries: &[&Value]| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    for tag in ["1.0.0", "v1.0.0"] {
        repository.manifest(tag, INDEX, &index(&[&shared])).await;
    }
    repository.manifest("1.1.0", INDEX, &index(&[&shared, &other])).await;
    repository.dated_index("1.2.0", &days_ago(1)).await;
    let newest = repository.read("1.2.0").await.unwrap();
    let digest = crate::support::images::digest(&newest);
    let moved = move |seen: &Seen| {
        let (is_moved, headers) = (
            seen.before > 0,
            [("docker-content-digest", digest.clone()), ("content-type", INDEX.to_owned())],
        );
        match is_moved && (is(seen, "HEAD", "/manifests/1.0.0") || is(seen, "GET", "/manifests/1.0.0")) {
            true => Some((headers, newest.clone()).into_response()),
            false => None,
        }
    };
    let done = clean(&repository, moved).await.unwrap();
    assert_eq!(list(&done.outputs["deleted"]), ["1.1.0"], "{}", done.outputs["warnings"]);
    assert_eq!(repository.checked("v1.0.0").await.0, 2);
}

#[tokio::test]
async fn what_a_new_tag_names_is_not_deleted() {
    let repository = three().await;
    // `prod` is set on the oldest image after the plan was made.
    let bytes = repository.read("1.0.0").await.unwrap();
    let index: Value = serde_json::from_slice(&bytes).unwrap();
    let of_child = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let shared: Value = serde_json::from_slice(&repository.read(&of_child).await.unwrap()).unwrap();
    repository.manifest("prod", MANIFEST, &shared).await;
    let hidden = |seen: &Seen| {
        let first = json!({"tags": ["1.0.0", "1.1.0", "1.2.0"]});
        (seen.path.contains("/tags/list") && seen.before == 0).then(|| first.to_string().into_response())
    };
    let done = clean(&repository, hidden).await.unwrap();
    assert_eq!(list(&done.outputs["deleted"]), ["1.0.0", "1.1.0"]);
    assert_eq!(repository.checked("prod").await, (1, 2), "its platform has a tag now");
}

/// `latest` goes back to an old image, as in a rollback.
#[tokio::test]
async fn an_image_that_a_kept_tag_moved_to_stays() {
    let repository = three().await;
    let oldest: Value = serde_json::from_slice(&repository.read("1.0.0").await.unwrap()).unwrap();
    repository.manifest("latest", INDEX, &oldest).await;
    let newest = repository.read("1.2.0").await.unwrap();
    // When the plan is made, it is still the newest.
    let late = move |seen: &Seen| {
        let answer = ([("content-type", INDEX)], newest.clone());
        (is(seen, "GET", "/manifests/latest") && seen.before == 0).then(|| answer.into_response())
    };
    let done = clean(&repository, late).await.unwrap();
    assert_eq!(list(&done.outputs["deleted"]), ["1.1.0"]);
    for tag in ["1.0.0", "latest"] {
        repository.checked(tag).await;
    }
}

#[tokio::test]
async fn an_image_that_got_a_new_tag_stays() {
    let repository = three().await;
    let index: Value = serde_json::from_slice(&repository.read("1.0.0").await.unwrap()).unwrap();
    let promoted = repository.manifest("prod", INDEX, &index).await;
    let signature = format!("{}.sig", promoted["digest"].as_str().unwrap().replacen(':', "-", 1));
    repository.image(&signature, b"signature".to_vec()).await;
    let first = json!({"tags": ["1.0.0", "1.1.0", "1.2.0", &signature]}).to_string();
    let hidden = move |seen: &Seen| {
        (seen.path.contains("/tags/list") && seen.before == 0).then(|| first.clone().into_response())
    };
    let done = clean(&repository, hidden).await.unwrap();
    assert_eq!(list(&done.outputs["deleted"]), ["1.1.0"]);
    assert!(repository.read(&signature).await.is_some(), "it stays with its image");
    assert!(
        done.outputs["warnings"].contains("1.0.0 is needed by a tag that was set meanwhile"),
        "{}",
        done.outputs["warnings"]
    );
    for tag in ["1.0.0", "prod"] {
        repository.checked(tag).await;
    }
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_stops_the_cleanup() {
    let repository = three().await;
    let schema_1 = |seen: &Seen| {
        let kind = "application/vnd.docker.distribution.manifest.v1+json";
        let body = json!({"schemaVersion": 1, "name": "a"}).to_string();
        is(seen, "GET", "/manifests/1.2.0").then(|| ([("content-type", kind)], body).into_response())
    };
    let names_odd = |seen: &Seen| {
        let list = json!({"tags": ["1.0.0", "1.1.0", "1.2.0", "{{x}}"]}).to_string();
        seen.path.contains("/tags/list").then(|| list.into_response())
    };
    let cut = |seen: &Seen| {
        let list = json!({"tags": ["1.0.0"]}).to_string();
        match seen.path.contains("last=") {
            true => Some(StatusCode::NOT_FOUND.into_response()),
            false => seen
                .path
                .contains("/tags/list")
                .then(|| ([("link", "<?last=1.0.0>; rel=next")], list).into_response()),
        }
    };
    let errors = [
        clean(&repository, schema_1).await.unwrap_err(),
        clean(&repository, names_odd).await.unwrap_err(),
        clean(&repository, cut).await.unwrap_err(),
    ];
    for (error, why) in
        errors.iter().zip(["tag 1.2.0 cannot be read", "1 names that cannot be tags", "status 404"])
    {
        assert!(error.message.contains(why), "{}", error.message);
    }
    for tag in ["1.0.0", "1.1.0", "1.2.0"] {
        repository.checked(tag).await;
    }
}

/// A registry with its own lists of referrers, one of which names an image that is not about the deleted one.
#[tokio::test]
async fn what_a_registry_lists_goes_if_it_is_about_the_image() {
    let repository = three().await;
    let bytes = repository.read("1.0.0").await.unwrap();
    let digest = crate::support::images::digest(&bytes);
    let subject = json!({"mediaType": INDEX, "digest": digest, "size": bytes.len()});
    let sbom = repository.about("", &subject).await;
    let other = repository.dated("", &days_ago(1), json!({"pinned": "by digest"})).await;
    let entries = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [sbom, other]}).to_string();
    let none = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).to_string();
    let lists = move |seen: &Seen| {
        let of = seen.path.split_once("/referrers/")?.1;
        let body = if of == digest { entries.clone() } else { none.clone() };
        Some(([("content-type", INDEX)], body).into_response())
    };
    clean(&repository, lists).await.unwrap();
    assert_eq!(repository.read(sbom["digest"].as_str().unwrap()).await, None);
    assert!(repository.read(other["digest"].as_str().unwrap()).await.is_some());
}

#[tokio::test]
async fn two_cleanups_at_once_do_the_work_of_one() {
    let repository = three().await;
    let fields =
        json!({"image": repository.name, "filter": {"semver": "*"}, "delete": {"keep": 1, "dry-run": false}});
    let (one, other) = tokio::join!(tags(fields.clone()), tags(fields));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    let left = tags(json!({"image": repository.name})).await.unwrap();
    assert_eq!(left.outputs["tags"], r#"["1.2.0"]"#);
    repository.checked("1.2.0").await;
}
