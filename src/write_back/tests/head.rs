//! Tests a pull request's branch: it is created and recreated, and other people's commits on it are never lost.

use std::path::Path;
use std::sync::Arc;

use super::fixture::{Fixture, git};
use super::write_back::{append, git_error, hook, replace, request};
use crate::git::Identity;
use crate::outcome::Fault;
use crate::write_back::{EditFn, Edited, Files, Landed, Message, SourceCommit, WriteBack, trailer};

const HEAD: &str = "argo-buildkit/shop-api";

/// Sets the content of every file to `value`, with the trailer `manifest`.
fn set(value: &str, manifest: &str) -> EditFn {
    let value = value.to_owned();
    let trailers = vec![
        (trailer::WORKFLOW.to_owned(), "ns/w".to_owned()),
        (trailer::SOURCE_REPO.to_owned(), "shop/api".to_owned()),
        (trailer::SOURCE_COMMIT.to_owned(), value.clone()),
        (trailer::MANIFEST.to_owned(), manifest.to_owned()),
    ];
    let message = Message { text: format!("Set {value}"), trailers };
    Arc::new(move |files: &Files| {
        let files = files.keys().map(|path| (path.clone(), value.clone().into_bytes())).collect();
        Ok(Edited { files, message: message.clone() })
    })
}

async fn write(fixture: &Fixture, path: &str, edit: EditFn) -> Landed {
    let request = WriteBack { head: Some(HEAD.into()), ..request(fixture, "ops.git", &[path]) };
    fixture.pusher.write_back(request, edit).await.unwrap()
}

fn rev(bare: &Path, name: &str) -> String {
    git(bare, &["rev-parse", name])
}

fn graph(bare: &Path) -> String {
    git(bare, &["log", "--format=%s", &format!("main..{HEAD}")]).replace('\n', ", ")
}

#[tokio::test]
async fn the_branch_is_made_and_then_made_anew() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1"), ("other", "o1")]);
    let main = rev(&bare, "main");
    let landed = write(&fixture, "values", set("v2", "values:tag")).await;
    assert_eq!((&landed.commit, &landed.base, landed.changed), (&rev(&bare, HEAD), &main, true));
    assert_eq!((rev(&bare, &format!("{HEAD}~1")), rev(&bare, "main")), (main.clone(), main));
    // The same change again makes no new commit while the target branch has not moved.
    let again = write(&fixture, "values", set("v2", "values:tag")).await;
    assert_eq!((again.commit, again.changed, again.files.len()), (landed.commit.clone(), false, 0));
    // A newer value replaces the commit, and so does the same value after the target branch has moved.
    let newer = write(&fixture, "values", set("v3", "values:tag")).await;
    assert!(newer.changed && graph(&bare) == "Set v3", "{}", graph(&bare));
    let moved = fixture.commit(&bare, "main", "other", "o2");
    let rebased = write(&fixture, "values", set("v3", "values:tag")).await;
    assert_eq!((rebased.changed, rebased.base, graph(&bare).as_str()), (true, moved, "Set v3"));
    assert_eq!(git(&bare, &["show", &format!("{HEAD}:other")]), "o2");
    git(&bare, &["fsck", "--strict", "--no-dangling"]);
}

#[tokio::test]
async fn only_what_is_new_is_sent() {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("ops.git");
    fixture.work(&bare, "main", |work| {
        for n in 0..50 {
            std::fs::create_dir_all(work.join(format!("d{n}"))).unwrap();
            std::fs::write(work.join(format!("d{n}/values")), format!("{n}")).unwrap();
        }
    });
    let objects = || git(&bare, &["cat-file", "--batch-all-objects", "--batch-check"]).lines().count();
    let before = objects();
    write(&fixture, "d7/values", set("v2", "m")).await;
    // The four objects are a blob, two trees and the commit.
    assert_eq!(objects() - before, 4);
}

#[tokio::test]
async fn commits_of_others_stay() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1"), ("other", "o1")]);
    write(&fixture, "values", set("v2", "values:tag")).await;
    let theirs = fixture.commit(&bare, HEAD, "other", "theirs");
    let landed = write(&fixture, "values", set("v3", "values:tag")).await;
    assert_eq!((landed.changed, landed.base), (true, rev(&bare, "main")));
    assert_eq!(rev(&bare, &format!("{HEAD}^")), theirs, "on top of it");
    assert_eq!(graph(&bare), "Set v3, change, Set v2");
    assert_eq!(git(&bare, &["show", &format!("{HEAD}:other")]), "theirs");
    let again = write(&fixture, "values", set("v3", "values:tag")).await;
    assert_eq!((again.changed, again.commit), (false, rev(&bare, HEAD)));
}

#[tokio::test]
async fn what_another_step_set_on_it_is_kept() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1"), ("other", "o1")]);
    write(&fixture, "values", set("v2", "values:tag")).await;
    write(&fixture, "other", set("o2", "other:tag")).await;
    assert_eq!(graph(&bare), "Set o2, Set v2");
    assert_eq!(git(&bare, &["show", &format!("{HEAD}:values")]), "v2");
    // A writer that sets both places recreates the branch.
    let both =
        |path: &'static str, value: &'static str| write(&fixture, path, set(value, &format!("{path}:tag")));
    let (one, two) = tokio::join!(both("values", "v3"), both("other", "o3"));
    assert_eq!((one.batched, one.commit), (2, two.commit));
    assert_eq!(graph(&bare), "Update manifests for 2 workflows");
}

#[tokio::test]
async fn a_branch_that_was_merged_is_used_again() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1"), ("other", "o1")]);
    write(&fixture, "values", set("v2", "values:tag")).await;
    git(&bare, &["update-ref", "refs/heads/main", HEAD]);
    let main = fixture.commit(&bare, "main", "other", "o2");
    let nothing = write(&fixture, "values", set("v2", "values:tag")).await;
    assert_eq!((nothing.changed, &nothing.commit), (false, &main));
    let landed = write(&fixture, "values", set("v3", "values:tag")).await;
    assert_eq!((landed.base, graph(&bare).as_str()), (main, "Set v3"));
}

#[tokio::test]
async fn a_race_for_the_branch_is_lost_and_then_won() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1"), ("other", "o1")]);
    // Somebody creates the branch while our push is in progress.
    hook(
        &bare,
        "pre-receive",
        &format!(
            "test -e hooks/once || {{ touch hooks/once; env -u GIT_QUARANTINE_PATH git update-ref refs/heads/{HEAD} main; }}"
        ),
    );
    let landed = write(&fixture, "values", set("v2", "values:tag")).await;
    assert_eq!((landed.attempts, graph(&bare).as_str()), (2, "Set v2"));
}

#[tokio::test]
async fn a_newer_build_on_the_pull_request_is_not_replaced_by_an_older_one() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1")]);
    let src = fixture.bare("src.git");
    let line: Vec<_> = (0..2).map(|n| fixture.commit(&src, "main", "f", &n.to_string())).collect();
    let write = |commit: &String| {
        let source = SourceCommit {
            repo: fixture.url("src.git"),
            credentials: super::fixture::login(),
            commit: commit.clone(),
        };
        let request = WriteBack {
            head: Some(HEAD.into()),
            source: Some(source),
            ..request(&fixture, "ops.git", &["values"])
        };
        fixture.pusher.write_back(request, set(commit, "values:tag"))
    };
    assert!(write(&line[1]).await.unwrap().changed);
    let old = write(&line[0]).await.unwrap();
    assert_eq!((old.changed, old.superseded_by.as_deref()), (false, Some(line[1].as_str())));
    assert_eq!(git(&bare, &["show", &format!("{HEAD}:values")]), line[1]);
}

#[tokio::test]
async fn a_name_that_git_cannot_have_is_refused() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1")]);
    git(&bare, &["branch", "argo-buildkit", "main"]);
    let request = WriteBack { head: Some(HEAD.into()), ..request(&fixture, "ops.git", &["values"]) };
    let error = git_error(fixture.pusher.write_back(request.clone(), append("x")).await);
    assert!(error.to_string().contains("beside `argo-buildkit`"), "{error}");
    assert_eq!(error.fault(), Fault::User);
    let odd = WriteBack { head: Some("a..b".into()), ..request };
    assert_eq!(git_error(fixture.pusher.write_back(odd, replace("a", "b")).await).fault(), Fault::User);
}

/// Changes the pull request's branch in a clone, as a reviewer does, and pushes it with force; returns the new tip.
fn reviewed(fixture: &Fixture, bare: &Path, change: impl FnOnce(&Path)) -> String {
    let work = tempfile::tempdir_in(fixture.root()).unwrap();
    git(work.path(), &["clone", "-q", "-b", HEAD, bare.to_str().unwrap(), "."]);
    change(work.path());
    git(work.path(), &["push", "-q", "--force", "origin", &format!("HEAD:{HEAD}")]);
    rev(bare, HEAD)
}

/// All the ways in which other people's commits can carry our trailers.
#[tokio::test]
async fn what_a_reviewer_made_of_our_commit_stays() {
    type Review = fn(&Path);
    let ways: [(&str, Review); 6] = [
        ("amend", |work| {
            std::fs::write(work.join("other"), "theirs").unwrap();
            git(work, &["commit", "-q", "-a", "--amend", "--no-edit"]);
        }),
        ("amend as the author", |work| {
            std::fs::write(work.join("other"), "theirs").unwrap();
            git(work, &["commit", "-q", "-a", "--amend", "--no-edit", "--reset-author"]);
        }),
        ("amend under our name", |work| {
            std::fs::write(work.join("other"), "theirs").unwrap();
            // The commit time is later than ours, without waiting for the next second.
            let env = "GIT_COMMITTER_NAME=argo-buildkit GIT_COMMITTER_EMAIL=ci@example.com \
                       GIT_COMMITTER_DATE=2100000000+0000";
            let command = format!("!{env} git commit -q -a --amend --no-edit");
            git(work, &["-c", &format!("alias.ours={command}"), "ours"]);
        }),
        ("cherry-pick", |work| {
            std::fs::write(work.join("other"), "theirs").unwrap();
            git(work, &["checkout", "-q", "-b", "next", "HEAD^"]);
            git(work, &["commit", "-q", "-a", "-m", "Theirs"]);
            git(work, &["cherry-pick", HEAD]);
        }),
        ("squash", |work| {
            std::fs::write(work.join("other"), "theirs").unwrap();
            git(work, &["commit", "-q", "-a", "-m", "Theirs"]);
            git(work, &["reset", "-q", "--soft", "HEAD~2"]);
            git(work, &["commit", "-q", "-C", HEAD]);
        }),
        ("merge with our message", |work| {
            git(work, &["checkout", "-q", "-b", "side", "HEAD^"]);
            std::fs::write(work.join("other"), "theirs").unwrap();
            git(work, &["commit", "-q", "-a", "-C", HEAD]);
            git(work, &["checkout", "-q", HEAD]);
            let message = git(work, &["log", "-1", "--format=%B"]);
            git(work, &["merge", "-q", "--no-ff", "-m", &message, "side"]);
        }),
    ];
    for (way, review) in ways {
        let fixture = Fixture::new().await;
        let bare = fixture.repo("ops.git", &[("values", "v1"), ("other", "o1")]);
        write(&fixture, "values", set("v2", "values:tag")).await;
        let theirs = reviewed(&fixture, &bare, review);
        let landed = write(&fixture, "values", set("v3", "values:tag")).await;
        assert_eq!((landed.changed, &landed.commit), (true, &rev(&bare, HEAD)), "{way}");
        assert_eq!(rev(&bare, &format!("{HEAD}^")), theirs, "{way}: on top of theirs");
        let (values, other) = (format!("{HEAD}:values"), format!("{HEAD}:other"));
        assert_eq!(
            (git(&bare, &["show", &values]), git(&bare, &["show", &other])),
            ("v3".into(), "theirs".into())
        );
        // The commits are also kept with a batch and after the target branch has moved.
        fixture.commit(&bare, "main", "third", "t1");
        let both =
            |path: &'static str, to: &'static str| write(&fixture, path, set(to, &format!("{path}:tag")));
        tokio::join!(both("values", "v4"), both("values", "v5"));
        git(&bare, &["merge-base", "--is-ancestor", &theirs, HEAD]);
    }
}

#[tokio::test]
async fn a_commit_that_was_reverted_or_deleted_with_its_branch_is_made_again() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1"), ("other", "o1")]);
    write(&fixture, "values", set("v2", "values:tag")).await;
    let theirs = reviewed(&fixture, &bare, |work| drop(git(work, &["revert", "--no-edit", "HEAD"])));
    write(&fixture, "values", set("v3", "values:tag")).await;
    assert_eq!(rev(&bare, &format!("{HEAD}^")), theirs, "on top of the revert");
    git(&bare, &["update-ref", "-d", &format!("refs/heads/{HEAD}")]);
    let landed = write(&fixture, "values", set("v4", "values:tag")).await;
    assert_eq!((landed.base, graph(&bare).as_str()), (rev(&bare, "main"), "Set v4"));
}

/// Our own commits from before the committer was changed are kept too, because they look like a reviewer's.
#[tokio::test]
async fn another_committer_builds_on_top() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values", "v1")]);
    write(&fixture, "values", set("v2", "values:tag")).await;
    let before = rev(&bare, HEAD);
    // libgit2 removes the spaces, so the next write must compare the identity without them.
    let committer = Identity { name: " other ".into(), email: "other@example.com".into() };
    let renamed = |value| {
        let request = request(&fixture, "ops.git", &["values"]);
        let request = WriteBack { head: Some(HEAD.into()), committer: committer.clone(), ..request };
        fixture.pusher.write_back(request, set(value, "values:tag"))
    };
    renamed("v3").await.unwrap();
    assert_eq!(rev(&bare, &format!("{HEAD}^")), before);
    git(&bare, &["update-ref", &format!("refs/heads/{HEAD}"), "main"]);
    renamed("v4").await.unwrap();
    renamed("v5").await.unwrap();
    assert_eq!(graph(&bare), "Set v5", "made anew");
}
