//! The servers that the tests stand on do what their helpers promise.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::argo::Argo;
use crate::support::git_http::GitHttp;
use crate::support::gitea::{self, Gitea, try_git};
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{unique, until};
use crate::support::shared::World;

#[tokio::test]
async fn a_private_repository_is_cloned_with_its_owners_token_only() {
    let gitea = World::shared().await.gitea;
    let (owner, stranger) = (gitea.user("owner").await, gitea.user("stranger").await);
    let repo = gitea.repo(&owner, "api").await;
    let sha = repo.commit_file("main", "a.txt", "one\n", "add a").await;
    assert_eq!(repo.head("main").await, sha);
    let work = tempfile::tempdir().unwrap();
    let clone = |token: &str, to: &str| try_git(work.path(), &["clone", &repo.url(), to], Some(token));

    let token = gitea.token(&owner, &["read:repository"]).await;
    clone(&token, "mine").unwrap();
    assert_eq!(std::fs::read_to_string(work.path().join("mine/a.txt")).unwrap(), "one\n");

    let foreign = gitea.token(&stranger, &["all"]).await;
    let error = clone(&foreign, "theirs").unwrap_err();
    assert!(error.contains("not found") || error.contains("403"), "{error}");
}

#[tokio::test]
async fn a_repository_keeps_commits_and_obeys_its_rules() {
    let gitea = World::shared().await.gitea;
    let org = gitea.org("shop").await;
    let repo = gitea.repo(&org, "gitops").await;
    let files = tempfile::tempdir().unwrap();
    std::fs::create_dir(files.path().join("sub")).unwrap();
    std::fs::write(files.path().join("sub/values.yaml"), "tag: 1\n").unwrap();
    let sha = repo.push_directory(files.path(), "main", "lay out").await;
    assert_eq!(repo.read("main", "sub/values.yaml").await.unwrap(), "tag: 1\n");
    assert_eq!(repo.read("main", "README.md").await, None);
    assert_eq!(repo.message(&sha).await.trim(), "lay out");
    assert_eq!(repo.commits("main").await.len(), 1);
    assert_eq!(repo.commits("main").await[0].email, "test@example.com");

    repo.branch("rel", "main").await;
    repo.protect("rel").await;
    let push = |branch: &str| {
        let to = format!("HEAD:refs/heads/{branch}");
        let commit = ["commit", "--quiet", "--allow-empty", "--message", "x"];
        gitea::git(files.path(), &["init", "--quiet"], None);
        gitea::git(files.path(), &["pull", "--quiet", &repo.url(), branch], Some(gitea.admin_token()));
        gitea::git(files.path(), &commit, None);
        try_git(files.path(), &["push", &repo.url(), &to], Some(gitea.admin_token()))
    };
    std::fs::remove_dir_all(files.path().join("sub")).unwrap();
    assert!(push("rel").unwrap_err().contains("protected branch"));
    push("main").unwrap();
    repo.pre_receive("#!/bin/sh\necho house rule 7 >&2\nexit 1\n");
    assert!(push("main").unwrap_err().contains("house rule 7"));
    repo.archive().await;
    assert!(push("main").unwrap_err().contains("403"));
    let name = repo.full_name();
    repo.delete().await;
    let (status, _) = gitea.api(reqwest::Method::GET, &format!("/repos/{name}"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn gitea_speaks_ssh_when_asked() {
    let gitea = tokio::task::spawn_blocking(Gitea::start_with_ssh).await.unwrap();
    let banner = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let mut banner = [0; 4];
        std::net::TcpStream::connect(("127.0.0.1", gitea.ssh_port()))
            .unwrap()
            .read_exact(&mut banner)
            .unwrap();
        banner
    });
    assert_eq!(&banner.await.unwrap(), b"SSH-");
}

#[test]
fn git_http_wants_its_password() {
    let server = GitHttp::start("bot", "pw");
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("a"), "1\n").unwrap();
    let sha = server.commit_directory("api", "main", files.path(), "first");
    assert_eq!(
        (server.head("api", "main"), server.read("api", "main", "a")),
        (sha.clone(), "1\n".to_owned())
    );
    let list = |url: &str| try_git(files.path(), &["ls-remote", url], None);
    let open = server.repo_url("api").replace("http://", "http://bot:pw@");
    assert!(list(&open).unwrap().contains(&sha));
    assert!(list(&server.repo_url("api")).unwrap_err().contains("terminal prompts disabled"));
}

#[tokio::test]
async fn the_api_server_grants_what_a_role_says() {
    let kube = Kube::shared().await;
    let (mine, other) = (unique("mine"), unique("other"));
    kube.secret(&mine, "Opaque", &[("token", "abc")]).await;
    kube.secret(&other, "kubernetes.io/dockerconfigjson", &[(".dockerconfigjson", "{}")]).await;
    let rules =
        json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [mine], "verbs": ["get"]}]);
    kube.grant(Identity::Plugin, &mine, rules).await;
    let secrets: Api<Secret> = Api::namespaced(kube.client(Identity::Plugin).await, BUILDS);
    let granted = async || secrets.get(&mine).await.ok();
    let granted = until(|| "the Role to be in force".to_owned(), Duration::from_secs(20), granted).await;
    assert_eq!(granted.data.unwrap()["token"].0, b"abc");
    let refusal = secrets.get(&other).await.unwrap_err().to_string();
    assert!(refusal.contains("forbidden"), "{refusal}");
}

/// A plugin that answers Running once, then Succeeded; the bodies of its calls.
async fn toy_plugin(token: String, calls: Arc<Mutex<Vec<Value>>>) -> u16 {
    let answer = async move |headers: HeaderMap, Json(body): Json<Value>| {
        assert_eq!(headers["authorization"], format!("Bearer {token}"));
        let mut calls = calls.lock().unwrap();
        calls.push(body);
        let outputs = json!({"parameters": [{"name": "digest", "value": "sha256:1"}]});
        Json(match calls.len() {
            1 => json!({"node": {"phase": "Running", "message": "half way"}, "requeue": "200ms"}),
            _ => json!({"node": {"phase": "Succeeded", "message": "done", "outputs": outputs}}),
        })
    };
    let router = Router::new().route("/api/v1/template.execute", post(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

#[tokio::test]
async fn the_genuine_agent_carries_a_plugins_answers_to_the_genuine_controller() {
    let argo = Argo::shared().await;
    let workflow = argo.submit_plugin(&json!({"buildkit": {"build": {"push": true}}}), &["digest"]).await;
    let mut agent = argo.agent(&workflow).await;
    let calls = Arc::new(Mutex::new(Vec::new()));
    agent.run(toy_plugin(agent.token(), calls.clone()).await);

    let (phase, message) = argo.finished(&workflow).await;
    assert_eq!(phase, "Succeeded", "{message}\n{}", agent.log());
    let node = argo.node(&workflow).await;
    assert_eq!((node.phase.as_str(), node.message.as_str()), ("Succeeded", "done"));
    assert_eq!(node.outputs["digest"], "sha256:1");
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[0]["workflow"]["metadata"]["name"], workflow);
    assert_eq!(calls[0]["template"]["plugin"]["buildkit"]["build"]["push"], true);
}
