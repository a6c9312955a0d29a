//! Tests of commits through an API. Here Git's own plumbing commands in the repository take the API's part.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt as _;

use super::fixture::{Fixture, git};
use super::write_back::{append, git_error, replace, request};
use crate::git::GitError;
use crate::write_back::{Proposal, Publish, Published, WriteBack};

/// Writes like a contents API: each file's old blob must be the current one; then one commit is made.
fn commit(bare: &Path, proposal: &Proposal) -> Published {
    let target = proposal.head.as_ref().unwrap_or(&proposal.branch);
    let from = if proposal.new_head { &proposal.branch } else { target };
    for file in &proposal.files {
        let there = git(bare, &["rev-parse", &format!("{from}:{}", file.path)]);
        if there != file.old_blob {
            return Published::Conflict(format!("sha does not match [given: {}]", file.old_blob));
        }
    }
    let work = tempfile::tempdir().unwrap();
    git(work.path(), &["clone", "-q", "-b", from, bare.to_str().unwrap(), "."]);
    for file in &proposal.files {
        std::fs::write(work.path().join(&file.path), &file.new).unwrap();
    }
    git(work.path(), &["commit", "-qam", &proposal.message]);
    git(work.path(), &["push", "-q", "origin", &format!("HEAD:refs/heads/{target}")]);
    Published::Landed(git(work.path(), &["rev-parse", "HEAD"]))
}

/// An API whose `n`th call ends as `answer` says, after it has changed the repository.
fn api(
    bare: PathBuf,
    answer: impl Fn(u32, &Path, &Proposal) -> Published + Send + Sync + 'static,
) -> Publish {
    let calls = AtomicU32::new(0);
    Publish::new("test", [0; 32], move |proposal| {
        let answered = answer(calls.fetch_add(1, Ordering::SeqCst), &bare, &proposal);
        async move { answered }.boxed()
    })
}

fn lost() -> Published {
    let (repo, what) = ("r".to_owned(), "the connection broke".to_owned());
    Published::Unknown(GitError::Unavailable { repo, action: "push to", what, cause: None })
}

fn through(fixture: &Fixture, publish: Publish) -> WriteBack {
    WriteBack { publish: Some(publish), ..request(fixture, "ops.git", &["values"]) }
}

#[tokio::test]
async fn writers_share_a_commit_through_the_api() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1"), ("other", "o")]);
    let way = || api(bare.clone(), |_, bare, proposal| commit(bare, proposal));
    let (one, two) = tokio::join!(
        fixture.pusher.write_back(through(&fixture, way()), append("a")),
        fixture.pusher.write_back(through(&fixture, way()), append("b")),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.batched, &one.commit), (2, &two.commit));
    assert_eq!(one.commit, git(&bare, &["rev-parse", "main"]));
    assert_eq!(git(&bare, &["show", "main:values"]), "v1ab");
    assert!(git(&bare, &["log", "-1", "--format=%B", "main"]).ends_with("Managed-By: argo-buildkit"));
}

#[tokio::test]
async fn a_conflict_is_read_and_applied_again() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1")]);
    let root = Arc::new(fixture.root().to_owned());
    let publish = api(bare.clone(), move |n, bare, proposal| {
        if n == 0 {
            let work = tempfile::tempdir_in(&*root).unwrap();
            git(work.path(), &["clone", "-q", bare.to_str().unwrap(), "."]);
            std::fs::write(work.path().join("values"), "theirs").unwrap();
            git(work.path(), &["commit", "-qam", "theirs"]);
            git(work.path(), &["push", "-q", "origin", "main"]);
        }
        commit(bare, proposal)
    });
    let landed = fixture.pusher.write_back(through(&fixture, publish), append("x")).await.unwrap();
    assert_eq!((landed.attempts, landed.changed), (2, true));
    assert_eq!(git(&bare, &["show", "main:values"]), "theirsx");
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_history() {
    for arrived in [true, false] {
        let fixture = Fixture::new().await;
        let bare = fixture.repo("ops.git", &[("values", "v1")]);
        let publish = api(bare.clone(), move |n, bare, proposal| {
            if n > 0 {
                return commit(bare, proposal);
            }
            if arrived {
                commit(bare, proposal);
            }
            lost()
        });
        let landed = fixture.pusher.write_back(through(&fixture, publish), append("x")).await.unwrap();
        assert_eq!((landed.changed, landed.attempts), (true, if arrived { 1 } else { 2 }));
        assert_eq!(landed.commit, git(&bare, &["rev-parse", "main"]));
        assert_eq!(git(&bare, &["show", "main:values"]), "v1x");
    }
}

#[tokio::test]
async fn a_refusal_is_the_users() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1")]);
    let publish = api(bare, |_, _, _| Published::Refused("the branch is protected".into()));
    let error = git_error(fixture.pusher.write_back(through(&fixture, publish), append("x")).await);
    assert!(
        matches!(&error, GitError::RefusedByApi { why, .. } if why == "the branch is protected"),
        "{error}"
    );
}

#[tokio::test]
async fn a_pull_requests_branch_is_written_through_the_api() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1")]);
    for (n, (from, to)) in [("v1", "v2"), ("v2", "v3")].into_iter().enumerate() {
        let publish = api(bare.clone(), move |_, bare, proposal| {
            assert_eq!((proposal.head.as_deref(), proposal.new_head), (Some("ours"), n == 0));
            commit(bare, proposal)
        });
        let request = WriteBack { head: Some("ours".into()), ..through(&fixture, publish) };
        let landed = fixture.pusher.write_back(request, replace(from, to)).await.unwrap();
        assert_eq!(landed.commit, git(&bare, &["rev-parse", "ours"]));
        assert_eq!(git(&bare, &["show", "ours:values"]), to);
    }
    assert_eq!(git(&bare, &["rev-list", "--count", "main..ours"]), "2");
}
