//! Single tags, whose images stay under other ones.

use std::process::Command;
use std::sync::{Arc, Mutex};

use argo_buildkit::outcome::{StepError, Success};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::retention::{days_ago, list};
use super::{tags, tags_with};
use crate::support::git::GitServer;
use crate::support::images::{Repository, digest};
use crate::support::net::unique;
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shared::shared_registry;

/// A repository in which `1.0.0` and `stable` name one old image, and its digest.
async fn shared() -> (Repository, String) {
    let repository = Repository::new(shared_registry().host(), &format!("tags/{}", unique("single")));
    let created = days_ago(50);
    for tag in ["1.0.0", "stable"] {
        repository.dated(tag, &created, json!({})).await;
    }
    let digest = digest(&repository.read("stable").await.unwrap());
    (repository, digest)
}

fn fields(name: &str) -> Value {
    json!({"image": name, "filter": {"semver": "*"}, "delete": {"older-than": "30d", "dry-run": false}})
}

/// Deletes `1.0.0` behind a front. Returns the outcome, and how many deletes were sent.
async fn clean(
    repository: &Repository,
    fault: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static,
) -> (Result<Success, StepError>, usize) {
    let front = RegistryFront::start(shared_registry().host(), fault).await;
    let name = format!("{}/{}", front.host(), repository.name.split_once('/').unwrap().1);
    let done = tags(fields(&name)).await;
    (done, front.seen().iter().filter(|seen| seen.method == "DELETE").count())
}

#[tokio::test]
async fn a_tag_whose_image_lost_its_other_tag_stays() {
    let (repository, _) = shared().await;
    let moved = |seen: &Seen| {
        let other = format!("sha256:{}", "0".repeat(64));
        let is_moved = seen.method == "HEAD" && seen.path.ends_with("/manifests/stable") && seen.before > 0;
        is_moved.then(|| [("docker-content-digest", other)].into_response())
    };
    let (done, deletes) = clean(&repository, moved).await;
    let warnings = &done.unwrap().outputs["warnings"];
    assert!(warnings.contains("1.0.0 stays, because no tag that stays names its image"), "{warnings}");
    assert_eq!(deletes, 0);
}

/// The branch begins to name `1.0.0` while the plan is made.
#[tokio::test]
async fn a_branch_that_moved_stops_a_cleanup_of_single_tags() {
    let (repository, _) = shared().await;
    let git = Arc::new(GitServer::start("ci", "pw"));
    git.create("gitops", &[("values.yaml", "tag: stable\n")]);
    let secrets = tempfile::tempdir().unwrap();
    std::fs::create_dir(secrets.path().join("git")).unwrap();
    std::fs::write(secrets.path().join("git/password"), "pw").unwrap();
    std::fs::write(secrets.path().join("git/username"), "ci").unwrap();
    let path = Mutex::new(Some(git.path("gitops")));
    let deploys = move |seen: &Seen| {
        if seen.method == "GET" && seen.path.contains("/manifests/") {
            path.lock().unwrap().take().iter().for_each(|path| {
                let script = "git update-ref refs/heads/main $(git -c user.name=t -c user.email=t@t \
                    commit-tree main^{tree} -p main -m moved)";
                let mut shell = Command::new("sh");
                assert!(shell.args(["-c", script]).current_dir(path).status().unwrap().success());
            });
        }
        None
    };
    let front = RegistryFront::start(shared_registry().host(), deploys).await;
    let name = format!("{}/{}", front.host(), repository.name.split_once('/').unwrap().1);
    let mut fields = fields(&name);
    fields["delete"]["in-use"] =
        json!([{"repo": git.url("gitops"), "files": "values.yaml", "secret": "git"}]);
    let error = tags_with(secrets.path(), fields).await.unwrap_err();
    assert!(error.message.contains("moved while the plan was made"), "{}", error.message);
    assert!(!front.is_written());
}

/// Somebody else deletes the tag, and then the image with its other tags.
#[tokio::test]
async fn a_tag_that_another_cleanup_deleted_is_no_fault_of_the_registry() {
    let (repository, digest) = shared().await;
    let gone = move |seen: &Seen| {
        let is_gone = seen.method == "DELETE" || seen.method == "HEAD" && seen.path.ends_with(&digest);
        is_gone.then(|| StatusCode::NOT_FOUND.into_response())
    };
    let (done, deletes) = clean(&repository, gone).await;
    assert_eq!((list(&done.unwrap().outputs["deleted"]), deletes), (vec!["1.0.0".to_owned()], 1));
}
