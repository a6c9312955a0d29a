//! A submodule cannot be used to read a commit that the daemon has from another build.

use serde_json::{Value, json};

use crate::support::bin;
use crate::support::gitea::{Gitea, Repo};
use crate::support::net::free_port;
use crate::support::plugin::{Plugin, Setup, expect_phase, tree};
use crate::support::shared::World;
use crate::support::shop::template;
use crate::support::sshd::key_pair;

/// A user, and a plugin that logs in with the user's ssh key.
async fn login(gitea: &Gitea, prefix: &str) -> (String, Plugin) {
    let (user, keys) = (gitea.user(prefix).await, key_pair());
    gitea.ssh_key(&user, &keys.public).await;
    let scan = std::process::Command::new(bin::system("ssh-keyscan", "openssh-client"))
        .args(["-p", &gitea.ssh_port().to_string(), "127.0.0.1"])
        .output()
        .unwrap();
    let plugin = Setup::new(World::shared().await.buildkitd.address()).start();
    plugin.put("key", "ssh-privatekey", &keys.private);
    plugin.put("key", "known_hosts", &String::from_utf8(scan.stdout).unwrap());
    (user, plugin)
}

/// Pushes `files`, with the commit `sha` of `url` as the submodule `lib`.
async fn push_with_submodule(repo: &Repo<'_>, dockerfile: &str, url: &str, sha: &str) -> String {
    let modules = format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {url}\n");
    let files = tree(&[("Dockerfile", dockerfile), (".gitmodules", &modules)]);
    repo.push_staged(
        files.path(),
        "main",
        "first",
        &["update-index", "--add", "--cacheinfo", &format!("160000,{sha},lib")],
    )
    .await
}

fn build(repo: &str, revision: &str, more: Value) -> Value {
    let mut build = json!({"context": {"repo": repo, "revision": revision, "secret": "key"}, "push": false});
    crate::support::shop::merge(&mut build, more);
    template(json!({"build": build}))
}

#[tokio::test]
async fn a_submodule_that_names_anothers_commit_is_asked_of_its_server() {
    let world = World::shared().await;
    let gitea = Gitea::start_on(free_port(), true);
    let ((victim, owner), (thief, attacker)) = (login(&gitea, "victim").await, login(&gitea, "thief").await);
    let service = gitea.repo(&victim, "api").await;
    let dockerfile = format!("FROM {}\nCOPY . /\n", world.busybox);
    let files = tree(&[("Dockerfile", &*dockerfile), ("secret.txt", "hidden")]);
    let sha = service.push_directory(files.path(), "main", "first").await;
    // From now on the daemon has the commit, in a repository and as a checkout.
    expect_phase(&owner.node(&build(&service.ssh_url(), "main", json!({}))).await, "Succeeded");
    let mine = gitea.repo(&thief, "mine").await;
    let places = [
        service.ssh_url(),
        "/var/lib/buildkit".to_owned(),
        "file:///var/lib/buildkit".to_owned(),
        "../api".to_owned(),
    ];
    for (n, url) in places.iter().enumerate() {
        let dockerfile = format!("FROM {}\nRUN echo {n}\nCOPY lib/secret.txt /\n", world.busybox);
        let revision = push_with_submodule(&mine, &dockerfile, url, &sha).await;
        let node = attacker.node(&build(&mine.ssh_url(), &revision, json!({}))).await;
        expect_phase(&node, "Failed");
        assert!(node["message"].as_str().unwrap().contains("submodule"), "{url}: {node}");
    }
}

#[tokio::test]
async fn who_may_not_read_a_submodule_gets_none_of_it_though_the_daemon_has_it() {
    let world = World::shared().await;
    let gitea = Gitea::start_on(free_port(), true);
    let ((victim, owner), (thief, reader)) = (login(&gitea, "owner").await, login(&gitea, "reader").await);
    let (service, lib) = (gitea.repo(&victim, "api").await, gitea.repo(&victim, "lib").await);
    let hidden = lib.push_directory(tree(&[("secret.txt", "hidden")]).path(), "main", "first").await;
    let dockerfile = format!("FROM {}\nCOPY lib/secret.txt /\n", world.busybox);
    let revision = push_with_submodule(&service, &dockerfile, &lib.ssh_url(), &hidden).await;
    service.grant(&thief, "read").await;
    let build = build(&service.ssh_url(), &revision, json!({}));
    // The context's key may also be used for submodules with other addresses.
    expect_phase(&owner.node(&build).await, "Succeeded");
    let node = reader.node(&build).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("submodule `lib`"), "{node}");
    lib.grant(&thief, "read").await;
    expect_phase(&reader.node(&build).await, "Succeeded");
}
