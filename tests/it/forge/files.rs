//! Commits through the contents API.

use argo_buildkit::forge::{CreatedCommit, FileWrite, FilesWrite, ForgeError, ForgeRepository};
use argo_buildkit::git::Identity;
use argo_buildkit::outcome::Fault;
use reqwest::Method;

use super::Bench;
use crate::support::gitea::git;

pub(super) fn write(branch: &str, files: Vec<FileWrite>) -> FilesWrite {
    let person = |name: &str| Identity { name: name.to_owned(), email: format!("{name}@example.com") };
    FilesWrite {
        branch: branch.to_owned(),
        new_branch: None,
        message: "Deploy 3\n\nImage: shop/api\n".to_owned(),
        author: person("ada"),
        committer: person("bot"),
        files,
    }
}

pub(super) fn new(path: &str, content: &str) -> FileWrite {
    FileWrite { path: path.to_owned(), old_sha: None, content: content.into() }
}

async fn update(bench: &Bench, branch: &str, path: &str, content: &str) -> FileWrite {
    let file = bench.call(Method::GET, &format!("/contents/{path}?ref={branch}"), None).await;
    FileWrite { old_sha: Some(file["sha"].as_str().unwrap().to_owned()), ..new(path, content) }
}

impl Bench {
    async fn write(&self, write: &FilesWrite) -> Result<CreatedCommit, ForgeError> {
        self.forge.write_files(&self.repository, &self.token, write).await
    }
}

#[tokio::test]
async fn several_files_are_one_commit() {
    let bench = Bench::with(&["write:repository"]).await;
    let before = bench.repo.head("main").await;
    let odd = "apps/a b/\"é#%.yaml";
    let files = vec![update(&bench, "main", "values.yaml", "tag: 3").await, new(odd, "x: 1\r\n")];
    let written = bench.write(&write("main", files)).await.unwrap();
    assert_eq!(written.commit, bench.repo.head("main").await);
    let [tip, ..] = &bench.repo.commits("main").await[..] else { panic!("commits") };
    assert_eq!(
        (&tip.parents, tip.author.as_str(), tip.email.as_str()),
        (&vec![before], "ada", "ada@example.com")
    );
    assert_eq!(tip.message.trim(), "Deploy 3\n\nImage: shop/api");
    assert_eq!(bench.repo.read("main", "values.yaml").await.unwrap(), "tag: 3", "no newline is added");
    let work = tempfile::tempdir().unwrap();
    let token = Some(bench.gitea.admin_token());
    git(work.path(), &["clone", "--quiet", &bench.repo.url(), "."], token);
    assert_eq!(std::fs::read(work.path().join(odd)).unwrap(), b"x: 1\r\n");
    let committer = git(work.path(), &["log", "-1", "--format=%cn <%ce>"], None);
    assert_eq!(committer.trim(), "bot <bot@example.com>");
}

#[tokio::test]
async fn what_somebody_else_changed_is_a_conflict() {
    let bench = Bench::with(&["write:repository"]).await;
    let stale = update(&bench, "main", "values.yaml", "tag: 3\n").await;
    bench.repo.commit_file("main", "values.yaml", "tag: 7\n", "by hand").await;
    let there = new("values.yaml", "tag: 3\n");
    let gone = FileWrite { path: "gone.yaml".to_owned(), ..stale.clone() };
    for file in [stale, there, gone] {
        let error = bench.write(&write("main", vec![new("other.txt", "x\n"), file])).await.unwrap_err();
        assert!(matches!(error, ForgeError::Conflict { .. }), "{error:?}");
        assert_eq!(error.fault(), Fault::Transient);
        assert_eq!(bench.repo.read("main", "other.txt").await, None, "all or nothing");
    }
    assert_eq!(bench.repo.read("main", "values.yaml").await.unwrap(), "tag: 7\n");
}

#[tokio::test]
async fn a_new_branch_is_made_once() {
    let bench = Bench::with(&["write:repository"]).await;
    let file = update(&bench, "main", "values.yaml", "tag: 3\n").await;
    let write = FilesWrite { new_branch: Some("bump/3".to_owned()), ..write("main", vec![file]) };
    let written = bench.write(&write).await.unwrap();
    assert_eq!(bench.repo.read(&written.commit, "values.yaml").await.unwrap(), "tag: 3\n");
    assert_eq!(bench.repo.read("main", "values.yaml").await.unwrap(), "tag: 1\n");
    let error = bench.write(&write).await.unwrap_err();
    assert!(matches!(error, ForgeError::Conflict { .. }), "{error:?}");
    let below = FilesWrite { new_branch: Some("deploy/3".to_owned()), ..write };
    let error = bench.write(&below).await.unwrap_err();
    assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("'refs/heads/deploy' exists"), "{error}");
}

#[tokio::test]
async fn a_protected_branch_is_refused() {
    let bench = Bench::with(&["write:repository"]).await;
    bench.repo.protect("main").await;
    let error = bench.write(&write("main", vec![new("a.txt", "a\n")])).await.unwrap_err();
    assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("the branch protection"), "{error}");
}

#[tokio::test]
async fn a_declined_push_is_refused_with_the_hooks_words() {
    let bench = Bench::with(&["write:repository"]).await;
    bench.repo.pre_receive("#!/bin/sh\necho house rule 7 >&2\nexit 1\n");
    let error = bench.write(&write("main", vec![new("a.txt", "a\n")])).await.unwrap_err();
    assert_eq!(error.fault(), Fault::User, "{error:?}");
    assert!(error.to_string().contains("house rule 7"), "{error}");
}

#[tokio::test]
async fn a_branch_that_is_not_there_is_missing() {
    let bench = Bench::with(&["write:repository"]).await;
    let error = bench.write(&write("nowhere", vec![new("a.txt", "a\n")])).await.unwrap_err();
    assert!(matches!(error, ForgeError::Missing { .. }), "{error:?}");
    assert!(error.to_string().contains("branch `nowhere`"), "{error}");
}

#[tokio::test]
async fn an_empty_repository_gets_its_first_commit() {
    let bench = Bench::with(&["write:repository"]).await;
    let empty = bench.gitea.empty_repo(&bench.owner, "empty").await;
    let repository = ForgeRepository::from_clone_url(&empty.url(), None, None).unwrap();
    let bench = Bench { repo: empty, repository, ..bench };
    let written = bench.write(&write("main", vec![new("a.txt", "a\n")])).await.unwrap();
    assert_eq!(bench.repo.head("main").await, written.commit);
    assert_eq!(bench.repo.read("main", "a.txt").await.unwrap(), "a\n");
}

#[tokio::test]
async fn writers_at_once_lose_nothing() {
    let bench = Bench::with(&["write:repository"]).await;
    // After an answer of 5xx it is unknown whether the commit exists, so the branch is read, as the engine does.
    let one = async |n: usize| {
        let file = format!("f{n}");
        let write = write("main", vec![new(&file, "x\n")]);
        loop {
            match bench.write(&write).await {
                Ok(written) => return Some(written.commit),
                Err(ForgeError::Unavailable { .. }) if bench.repo.read("main", &file).await.is_none() => {}
                Err(ForgeError::Unavailable { .. }) => return None,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let commits = futures_util::future::join_all((0..6).map(one)).await;
    let landed: Vec<_> = bench.repo.commits("main").await.into_iter().map(|commit| commit.sha).collect();
    assert!(commits.iter().flatten().all(|commit| landed.contains(commit)), "{commits:?} {landed:?}");
    assert_eq!(landed.len(), 2 + 6);
}
