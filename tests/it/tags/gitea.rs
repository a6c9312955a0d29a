//! What Gitea does when a tag is pushed again.

use reqwest::Method;
use serde_json::json;

use super::retention::days_ago;
use crate::support::images::{Repository, digest};
use crate::support::net::second_after;
use crate::support::shared::shared_gitea;

/// The time that Gitea's API gives for `tag`.
async fn pushed(owner: &str, tag: &str) -> jiff::Timestamp {
    let path = format!("/packages/{owner}/container/again/{tag}");
    let version = shared_gitea().call(Method::GET, &path, None).await;
    version["created_at"].as_str().unwrap().parse().unwrap()
}

/// A cleanup deletes by digest, and `clock: pushed` asks for that time. Gitea 1.25.0 kept what a tag had named before under it: it
/// deleted the tag with that, and gave the time of the first push.
#[tokio::test]
async fn a_tag_that_was_pushed_again_has_nothing_of_what_it_named_before() {
    let gitea = shared_gitea();
    let owner = gitea.user("tags").await;
    let token = gitea.token(&owner, &["write:package"]).await;
    let repository = Repository::new(gitea.host(), &format!("{owner}/again")).with_user(&owner, &token);
    let (old, new) = (days_ago(60), days_ago(1));
    for tag in ["latest", "1.0.0"] {
        repository.dated(tag, &old, json!({})).await;
    }
    repository.dated_index("edge", &old).await;
    let before =
        [digest(&repository.read("1.0.0").await.unwrap()), digest(&repository.read("edge").await.unwrap())];
    let first = [pushed(&owner, "latest").await, pushed(&owner, "edge").await];
    second_after(&first[1].to_string()).await;
    repository.dated("latest", &new, json!({})).await;
    repository.dated_index("edge", &new).await;
    for (tag, first) in ["latest", "edge"].into_iter().zip(first) {
        assert!(pushed(&owner, tag).await > first, "{tag}: the time is that of the last push");
    }
    repository.delete(&before[0]).await;
    assert_eq!(repository.read("1.0.0").await, None);
    assert_eq!(repository.read(&before[1]).await, None, "no version has the old index any more");
    for tag in ["latest", "edge"] {
        assert!(repository.read(tag).await.is_some(), "{tag} has moved on, and stays");
    }
}
