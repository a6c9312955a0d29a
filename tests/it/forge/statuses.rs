//! Statuses of commits on a real Gitea, and on servers that answer as older ones do.

use argo_buildkit::forge::{Forge, ForgeError, ForgeOptions, ForgeRepository, Status, StatusState};
use argo_buildkit::outcome::Fault;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use reqwest::Method;
use serde_json::{Value, json};

use super::Bench;
use crate::support::scripted::{Asked, Scripted};

/// What no repository has.
const NOWHERE: &str = "ffffffffffffffffffffffffffffffffffffffff";

/// A status of `commit`.
pub(super) fn status(commit: &str) -> Status {
    Status {
        commit: commit.to_owned(),
        context: "ci/build".to_owned(),
        state: StatusState::Pending,
        description: "Building".to_owned(),
        url: Some("https://argo.example/workflows/a/b".to_owned()),
    }
}

async fn set(bench: &Bench, wanted: &Status) -> Result<bool, ForgeError> {
    bench.forge.set_status(&bench.repository, &bench.token, wanted).await
}

/// Every status that was ever set of a commit, the oldest first.
async fn all(bench: &Bench, commit: &str) -> Vec<Value> {
    let all = bench.call(Method::GET, &format!("/statuses/{commit}?limit=50"), None).await;
    let mut all = all.as_array().unwrap().clone();
    all.sort_by_key(|status| status["id"].as_u64());
    all
}

#[tokio::test]
async fn a_status_is_written_if_it_is_another() {
    let bench = Bench::with(&["write:repository"]).await;
    let head = bench.repo.head("main").await;
    let first = status(&head);
    let ended = Status { state: StatusState::Success, ..first.clone() };
    let worded = Status { description: "Built in 4 s".to_owned(), ..ended.clone() };
    let linked = Status { url: None, ..worded.clone() };
    let failed = Status { state: StatusState::Failure, ..linked.clone() };
    let broken = Status { state: StatusState::Error, ..linked.clone() };
    let other = Status { context: "ci/test".to_owned(), ..first.clone() };
    let steps = [first, ended, worded, linked, failed, broken.clone(), other];
    for wanted in &steps {
        assert!(set(&bench, wanted).await.unwrap(), "{wanted:?}");
        assert!(!set(&bench, wanted).await.unwrap(), "{wanted:?}");
    }
    assert!(!set(&bench, &broken).await.unwrap(), "another context does not matter");
    let found: Vec<_> = all(&bench, &head).await;
    let states: Vec<_> = found.iter().map(|status| status["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["pending", "success", "success", "success", "failure", "error", "pending"]);
    for (wanted, found) in steps.iter().zip(&found) {
        assert_eq!(found["context"], wanted.context);
        assert_eq!(found["description"], wanted.description);
        assert_eq!(found["target_url"], wanted.url.clone().unwrap_or_default());
    }
}

#[tokio::test]
async fn a_long_description_is_cut_and_stays_the_same() {
    let bench = Bench::with(&["write:repository"]).await;
    let head = bench.repo.head("deploy").await;
    let long = Status { description: "é\n\u{1b}[31m".repeat(10_000), ..status(&head) };
    assert!(set(&bench, &long).await.unwrap());
    assert!(!set(&bench, &long).await.unwrap());
    let set = all(&bench, &head).await;
    let [found] = &set[..] else { panic!("one status") };
    let shown = found["description"].as_str().unwrap();
    assert!(shown.starts_with("é é é") && shown.ends_with('…'), "{shown}");
    assert_eq!(shown.chars().count(), 255);
}

#[tokio::test]
async fn the_newest_is_found_among_many_contexts() {
    let bench = Bench::with(&["write:repository"]).await;
    let head = bench.repo.head("main").await;
    assert!(set(&bench, &status(&head)).await.unwrap());
    for n in 0..60 {
        let body = json!({"state": "success", "context": format!("other/{n}")});
        bench.call(Method::POST, &format!("/statuses/{head}"), Some(body)).await;
    }
    assert!(!set(&bench, &status(&head)).await.unwrap());
    let combined = bench.call(Method::GET, &format!("/commits/{head}/status?limit=50"), None).await;
    let statuses = combined["statuses"].as_array().unwrap();
    assert!(statuses.iter().all(|status| status["context"] != "ci/build"), "it is on another page");
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_no_outage() {
    let bench = Bench::with(&["write:repository"]).await;
    let error = set(&bench, &status(NOWHERE)).await.unwrap_err();
    assert!(matches!(&error, ForgeError::UnknownCommit { commit, .. } if commit == NOWHERE), "{error:?}");
    assert_eq!(error.fault(), Fault::User);
    let said = error.to_string();
    let at = format!("cannot set the status of a commit in `{}` on ", bench.repo.full_name());
    assert!(said.starts_with(&at) && said.contains("has no commit `ffff"), "{said}");
}

/// A Gitea that has no statuses, and fails to set one without a word. `commit` is its answer about the commit.
async fn wordless(commit: StatusCode) -> Result<bool, ForgeError> {
    let answer = move |_: &str, asked: &Asked| -> Response {
        let path = asked.path.split('?').next().unwrap();
        match (asked.method.as_str(), path.strip_prefix("/api/v1/repos/o/r").unwrap()) {
            ("GET", "") => Json(json!({"full_name": "o/r"})).into_response(),
            ("GET", below) if below.ends_with("/status") => {
                Json(json!({"sha": "", "statuses": null})).into_response()
            }
            ("GET", below) if below.starts_with("/git/commits/") => (commit, Json(json!({}))).into_response(),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"message": "", "url": ""}))).into_response(),
        }
    };
    let server = Scripted::start(answer).await;
    let repository = ForgeRepository::from_clone_url(&server.url("/o/r.git"), None, None).unwrap();
    let forge = Forge::new(ForgeOptions::default()).unwrap();
    forge.set_status(&repository, &"token".into(), &status(NOWHERE)).await
}

#[tokio::test]
async fn an_error_without_words_is_an_outage_only_if_the_commit_is_there() {
    let error = wordless(StatusCode::NOT_FOUND).await.unwrap_err();
    assert!(matches!(error, ForgeError::UnknownCommit { .. }), "{error:?}");
    for commit in [StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR] {
        let error = wordless(commit).await.unwrap_err();
        assert!(matches!(error, ForgeError::Unavailable { .. }), "{error:?}");
        assert_eq!(error.fault(), Fault::Transient);
    }
}

/// Gitea takes a branch that is named like a commit before the commit.
#[tokio::test]
async fn statuses_of_another_commit_do_not_count() {
    let theirs = json!({"context": "ci/build", "status": "pending", "description": "Building",
        "target_url": "https://argo.example/workflows/a/b"});
    let answer = move |_: &str, asked: &Asked| -> Response {
        let body = match (asked.method.as_str(), asked.path.contains("/status?")) {
            ("GET", true) => json!({"sha": "a".repeat(40), "statuses": [theirs]}),
            _ => json!({"full_name": "o/r"}),
        };
        Json(body).into_response()
    };
    let server = Scripted::start(answer).await;
    let repository = ForgeRepository::from_clone_url(&server.url("/o/r.git"), None, None).unwrap();
    let forge = Forge::new(ForgeOptions::default()).unwrap();
    let set =
        async |commit: &str| forge.set_status(&repository, &"token".into(), &status(commit)).await.unwrap();
    assert!(set(NOWHERE).await, "it is written");
    assert!(!set(&"a".repeat(40)).await);
}

#[tokio::test]
async fn a_token_or_an_owner_without_the_right_is_told() {
    let bench = Bench::with(&["read:repository"]).await;
    let head = bench.repo.head("main").await;
    let error = set(&bench, &status(&head)).await.unwrap_err();
    assert!(matches!(error, ForgeError::Login { .. }), "{error:?}");
    assert!(error.to_string().contains("give it the scope `write:repository`"), "{error}");

    let reader = bench.gitea.user("reader").await;
    bench.repo.grant(&reader, "read").await;
    let token = bench.gitea.token(&reader, &["all"]).await.into();
    let bench = Bench { token, ..bench };
    let error = set(&bench, &status(&head)).await.unwrap_err();
    assert_eq!(error.fault(), Fault::User, "{error:?}");

    bench.repo.archive().await;
    let error = set(&bench, &status(&head)).await.unwrap_err();
    assert!(error.to_string().contains("is archived; unarchive it"), "{error}");
    assert!(all(&bench, &head).await.is_empty());
}
