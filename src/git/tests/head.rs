//! A pull request's branch: made, made anew, and never at the cost of somebody else's commits.

use std::path::Path;
use std::sync::Arc;

use super::fixture::{Fixture, git};
use super::write_back::{append, git_error, hook, replace, request};
use crate::git::{EditFn, Edited, Files, Landed, Message, Source, WriteBack, trailer};
use crate::outcome::Fault;

const HEAD: &str = "argo-buildkit/shop-api";

/// Sets every file to `value`, as the place `manifest`.
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
    fixture.git.write_back(request, edit).await.unwrap()
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
    // The same again is no new commit, and not on a moved branch either if that is not what it is based on.
    let again = write(&fixture, "values", set("v2", "values:tag")).await;
    assert_eq!((again.commit, again.changed, again.files.len()), (landed.commit.clone(), false, 0));
    // A newer value replaces the commit; so does a branch that moved on.
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
    // A blob, two trees and the commit.
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
    // Who sets both at once makes it anew.
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
    // Somebody makes the branch while our push is on its way.
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
        let source = Source {
            repo: fixture.url("src.git"),
            credentials: super::fixture::login(),
            commit: commit.clone(),
        };
        let request = WriteBack {
            head: Some(HEAD.into()),
            source: Some(source),
            ..request(&fixture, "ops.git", &["values"])
        };
        fixture.git.write_back(request, set(commit, "values:tag"))
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
    let error = git_error(fixture.git.write_back(request.clone(), append("x")).await);
    assert!(error.to_string().contains("beside `argo-buildkit`"), "{error}");
    assert_eq!(error.fault(), Fault::User);
    let odd = WriteBack { head: Some("a..b".into()), ..request };
    assert_eq!(git_error(fixture.git.write_back(odd, replace("a", "b")).await).fault(), Fault::User);
}
