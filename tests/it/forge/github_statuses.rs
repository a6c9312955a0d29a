//! Statuses of commits on the stand-in for GitHub.

use argo_buildkit::forge::{Dialect, Forge, ForgeError, ForgeOptions, ForgeRepository, Status, StatusState};
use axum::http::Method;
use serde_json::{Value, json};

use super::statuses::status;
use crate::support::github::{COMMIT, GitHub};

fn repository(github: &GitHub) -> ForgeRepository {
    ForgeRepository::from_clone_url(&github.clone_url(), Some(Dialect::GitHub), None).unwrap()
}

async fn set(github: &GitHub, wanted: &Status) -> Result<bool, ForgeError> {
    let forge = Forge::new(ForgeOptions::default()).unwrap();
    forge.set_status(&repository(github), &github.token(), wanted).await
}

fn all(github: &GitHub) -> Vec<Value> {
    github.with(|inner| inner.statuses.clone())
}

#[tokio::test]
async fn a_status_is_written_if_it_is_another() {
    let github = GitHub::start().await;
    let mut wanted = status(COMMIT);
    for (state, name) in [
        (StatusState::Pending, "pending"),
        (StatusState::Success, "success"),
        (StatusState::Failure, "failure"),
        (StatusState::Error, "error"),
    ] {
        wanted.state = state;
        assert!(set(&github, &wanted).await.unwrap());
        assert!(!set(&github, &wanted).await.unwrap());
        assert_eq!(all(&github).last().unwrap()["state"], name);
    }
    wanted.url = None;
    wanted.description = "x".repeat(1000);
    assert!(set(&github, &wanted).await.unwrap());
    assert!(!set(&github, &wanted).await.unwrap());
    let found = all(&github);
    assert_eq!(found.len(), 5);
    assert_eq!(found[4]["target_url"], Value::Null);
    assert_eq!(found[4]["description"], format!("{}…", "x".repeat(139)));
}

#[tokio::test]
async fn the_newest_is_found_among_many_contexts() {
    let github = GitHub::start().await;
    assert!(set(&github, &status(COMMIT)).await.unwrap());
    github.with(|inner| {
        let others = (0..250).map(|n| json!({"context": format!("other/{n}"), "state": "success"}));
        inner.statuses.extend(others);
    });
    assert!(!set(&github, &status(COMMIT)).await.unwrap());
    assert_eq!(all(&github).len(), 251);
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_named() {
    let github = GitHub::start().await;
    let error = set(&github, &status(&"f".repeat(40))).await.unwrap_err();
    assert!(matches!(error, ForgeError::UnknownCommit { .. }), "{error:?}");
    // It was removed after its statuses were read.
    let gone = json!({"message": format!("No commit found for SHA: {COMMIT}"), "status": "422"});
    github.with(|inner| inner.faults.push_back((Method::POST, 422, ("server", "GitHub.com"), gone)));
    let error = set(&github, &status(COMMIT)).await.unwrap_err();
    assert!(matches!(error, ForgeError::UnknownCommit { .. }), "{error:?}");
}

#[tokio::test]
async fn refusals_are_told_with_the_right_to_give() {
    let github = GitHub::start().await;
    let body = json!({"message": "Resource not accessible by personal access token", "status": "403"});
    let header = ("x-accepted-github-permissions", "statuses=write");
    github.with(|inner| inner.faults.push_back((Method::POST, 403, header, body)));
    let error = set(&github, &status(COMMIT)).await.unwrap_err();
    assert!(matches!(error, ForgeError::Login { .. }), "{error:?}");
    assert!(error.to_string().contains("give it the scope `statuses=write`"), "{error}");

    let message = "This SHA and context has reached the maximum number of statuses.";
    let full = json!({"message": "Validation Failed", "errors": [{"resource": "Status", "code": "custom", "message": message}]});
    github.with(|inner| inner.faults.push_back((Method::POST, 422, ("server", "GitHub.com"), full)));
    let error = set(&github, &status(COMMIT)).await.unwrap_err();
    assert!(matches!(error, ForgeError::Refused { .. }) && error.to_string().contains(message), "{error:?}");
}

#[tokio::test]
async fn packages_are_not_linked_through_its_api() {
    let github = GitHub::start().await;
    let forge = Forge::new(ForgeOptions::default()).unwrap();
    let linked = forge.link_package(&repository(&github), &github.token(), "shop/gitops").await;
    let error = linked.unwrap_err();
    assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("leave `link-package` out"), "{error}");
}
