//! Gitea: which logins it accepts, and what its rules refuse.

use std::fs;
use std::process::Command;

use reqwest::{Method, StatusCode};

use crate::support::gitea::{Gitea, Repo, git, try_git};
use crate::support::shared::World;

#[tokio::test]
async fn a_private_repository_is_cloned_with_a_readers_token_only() {
    let gitea = World::shared().await.gitea;
    let (owner, stranger) = (gitea.user("owner").await, gitea.user("stranger").await);
    let repo = gitea.repo(&owner, "api").await;
    let sha = repo.commit_file("main", "a.txt", "one\n", "add a").await;
    assert_eq!(repo.head("main").await, sha);
    let work = tempfile::tempdir().unwrap();
    let clone = |token: &str, to: &str| try_git(work.path(), &["clone", &repo.url(), to], Some(token));

    let token = gitea.token(&owner, &["read:repository"]).await;
    clone(&token, "mine").unwrap();
    assert_eq!(fs::read_to_string(work.path().join("mine/a.txt")).unwrap(), "one\n");

    let foreign = gitea.token(&stranger, &["all"]).await;
    let error = clone(&foreign, "theirs").unwrap_err();
    assert!(error.contains("not found"), "{error}");
    repo.grant(&stranger, "read").await;
    clone(&foreign, "granted").unwrap();
}

#[tokio::test]
async fn a_repository_tells_its_files_commits_and_tags() {
    let gitea = World::shared().await.gitea;
    let repo = gitea.repo(&gitea.org("shop").await, "gitops").await;
    let files = tempfile::tempdir().unwrap();
    fs::create_dir(files.path().join("sub")).unwrap();
    fs::write(files.path().join("sub/values.yaml"), "tag: 1\n").unwrap();
    let first = repo.push_directory(files.path(), "main", "lay out").await;
    assert_eq!(repo.read("main", "sub/values.yaml").await.unwrap(), "tag: 1\n");
    assert_eq!(repo.read("main", "README.md").await, None);

    repo.tag("v1", "main").await;
    let second = repo.commit_file("main", "sub/values.yaml", "tag: 2\n", "second\n\nBody").await;
    assert_eq!(repo.read("v1", "sub/values.yaml").await.unwrap(), "tag: 1\n");
    assert_eq!(repo.message(&second).await.trim(), "second\n\nBody");
    let [newest, oldest] = &repo.commits("main").await[..] else { panic!("two commits") };
    assert_eq!((&newest.sha, &newest.parents), (&second, &vec![first.clone()]));
    assert_eq!(
        (&oldest.sha, oldest.message.trim(), oldest.email.as_str()),
        (&first, "lay out", "test@example.com")
    );
    assert_eq!(oldest.author, "Test");
}

#[tokio::test]
async fn rules_refuse_pushes() {
    let gitea = World::shared().await.gitea;
    let repo = gitea.repo(&gitea.user("owner").await, "ruled").await;
    repo.branch("rel", "main").await;
    repo.protect("rel").await;
    assert!(push(gitea, &repo, "rel").unwrap_err().contains("protected branch"));
    push(gitea, &repo, "main").unwrap();
    repo.pre_receive("#!/bin/sh\necho house rule 7 >&2\nexit 1\n");
    assert!(push(gitea, &repo, "main").unwrap_err().contains("house rule 7"));
    repo.archive().await;
    assert!(push(gitea, &repo, "main").unwrap_err().contains("403"));

    let path = format!("/repos/{}", repo.full_name());
    repo.delete().await;
    assert_eq!(gitea.api(Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_empty_repository_has_no_branch() {
    let gitea = World::shared().await.gitea;
    let repo = gitea.empty_repo(&gitea.user("owner").await, "empty").await;
    let work = tempfile::tempdir().unwrap();
    assert_eq!(git(work.path(), &["ls-remote", &repo.url()], Some(gitea.admin_token())), "");
}

#[tokio::test]
async fn the_registry_logs_in_by_docker_config() {
    let world = World::shared().await;
    assert!(world.busybox.starts_with(world.registry.host()));
    let owner = world.gitea.user("owner").await;
    let repo = world.gitea.repo(&owner, "app").await;
    let token = world.gitea.token(&owner, &["write:package"]).await;
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.json"), world.gitea.docker_config_json(&owner, &token)).unwrap();
    fs::write(home.path().join("Dockerfile"), format!("FROM {}\n", world.busybox)).unwrap();
    let build = Command::new(crate::support::bin::testbed("buildctl"))
        .env("DOCKER_CONFIG", home.path())
        .args(["--addr", world.buildkitd.address(), "build", "--frontend", "dockerfile.v0"])
        .arg(format!("--local=context={0}", home.path().display()))
        .arg(format!("--local=dockerfile={0}", home.path().display()))
        .arg(format!("--output=type=image,push=true,name={}:1", repo.image()))
        .output();
    let build = build.unwrap();
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let (_, packages) =
        world.gitea.api(Method::GET, &format!("/packages/{owner}?type=container"), None).await;
    assert_eq!(format!("{owner}/{}", packages[0]["name"].as_str().unwrap()), repo.full_name());
}

#[tokio::test]
async fn ssh_lets_a_registered_key_in() {
    let gitea = tokio::task::spawn_blocking(Gitea::start_with_ssh).await.unwrap();
    let owner = gitea.user("owner").await;
    let repo = gitea.repo(&owner, "api").await;
    let work = tempfile::tempdir().unwrap();
    let key = work.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.unwrap().success());
    let ssh = format!("ssh -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null", key.display());
    let ssh = format!("core.sshCommand={ssh}");
    let list = || try_git(work.path(), &["-c", &ssh, "ls-remote", &repo.ssh_url()], None);
    assert!(list().unwrap_err().contains("Permission denied"));
    gitea.ssh_key(&owner, &fs::read_to_string(work.path().join("key.pub")).unwrap()).await;
    assert!(list().unwrap().contains(&repo.head("main").await));
}

/// Pushes another commit as the administrator.
fn push(gitea: &Gitea, repo: &Repo<'_>, branch: &str) -> Result<String, String> {
    let (work, token) = (tempfile::tempdir().unwrap(), Some(gitea.admin_token()));
    git(work.path(), &["clone", "--quiet", "--branch", branch, &repo.url(), "."], token);
    git(work.path(), &["commit", "--quiet", "--allow-empty", "--message", "more"], None);
    try_git(work.path(), &["push", &repo.url(), &format!("HEAD:refs/heads/{branch}")], token)
}
