//! Counts the requests of `update-manifest` without a build.

use serde_json::{Value, json};

use super::{COLD, asked};
use crate::support::git_http::GitHttp;
use crate::support::gitea::{Repo, git};
use crate::support::plugin::{Plugin, Setup, expect_phase, output, tree};
use crate::support::round_trip_relay::RoundTripRelay;
use crate::support::shared::shared_gitea;
use crate::support::shop::template;
use crate::support::sshd::Sshd;

const VALUES: &str = "image:\n  tag: old\n";

fn update(repo: &str, tag: &str, secret: &str) -> Value {
    let targets = [json!({"file": "chart/values.yaml", "helm": {"image.tag": tag}})];
    template(json!({"update-manifest": {"repo": repo, "secret": secret, "targets": targets}}))
}

/// A GitOps repository in Gitea behind a relay, and a plugin that may write to it.
struct Site {
    relay: RoundTripRelay,
    repo: Repo<'static>,
    plugin: Plugin,
}

impl Site {
    async fn open() -> Self {
        let gitea = tokio::task::spawn_blocking(shared_gitea).await.unwrap();
        let owner = gitea.user("turns").await;
        let repo = gitea.repo(&owner, "gitops").await;
        repo.push_directory(tree(&[("chart/values.yaml", VALUES)]).path(), "main", "lay out").await;
        // The tests do not build anything.
        let plugin = Setup::new("tcp://127.0.0.1:1").start();
        for (secret, scope) in [("git", "write:repository"), ("reader", "read:repository")] {
            plugin.put(secret, "username", &owner);
            plugin.put(secret, "token", &gitea.token(&owner, &[scope]).await);
        }
        Self { relay: RoundTripRelay::start(gitea.host()).await, repo, plugin }
    }

    async fn node(&self, tag: &str, secret: &str) -> Value {
        self.plugin.node(&update(&self.relay.through(&self.repo.url()), tag, secret)).await
    }

    /// The requests that one commit takes.
    async fn commit(&self, tag: &str) -> Vec<String> {
        let node = self.node(tag, "git").await;
        expect_phase(&node, "Succeeded");
        assert_eq!(output(&node, "commit"), self.repo.head("main").await);
        asked(&self.relay, &self.repo.full_name())
    }
}

#[tokio::test]
async fn a_commit_takes_four_requests_and_the_next_one_two() {
    let site = Site::open().await;
    assert_eq!(site.commit("first").await, COLD);
    assert_eq!(site.commit("second").await, [COLD[0], COLD[3]]);
    // Only what somebody else has changed is read.
    site.repo.commit_file("main", "elsewhere.yaml", "a: 1\n", "somebody else's").await;
    assert_eq!(site.commit("third").await, [COLD[0], COLD[1], COLD[3]]);
}

#[tokio::test]
async fn a_login_that_may_only_read_finds_that_nothing_is_to_change() {
    let site = Site::open().await;
    let node = site.node("old", "reader").await;
    expect_phase(&node, "Succeeded");
    assert_eq!(output(&node, "changed"), "false");
    let node = site.node("new", "reader").await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("cannot push to"), "{node}");
}

#[tokio::test]
async fn what_a_login_may_no_longer_read_is_not_shown_from_what_is_kept() {
    let site = Site::open().await;
    site.commit("first").await;
    site.plugin.put("git", "token", "revoked-by-now");
    let node = site.node("first", "git").await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("refused the login"), "{node}");
}

#[tokio::test]
async fn over_ssh_one_connection_serves_all() {
    let (server, sshd) = (GitHttp::start("", ""), Sshd::start());
    server.commit_directory("gitops", "main", tree(&[("chart/values.yaml", VALUES)]).path(), "lay out");
    let relay = RoundTripRelay::start(&sshd.host()).await;
    let plugin = Setup::new("tcp://127.0.0.1:1").start();
    plugin.put("key", "ssh-privatekey", &sshd.client_key());
    plugin.put("key", "known_hosts", &sshd.known_hosts());
    let repo = relay.through(&sshd.url(&server.repo("gitops")));
    let mut turns = Vec::new();
    for tag in ["first", "second", "after a cut"] {
        if turns.len() == 2 {
            relay.cut();
        }
        let node = plugin.node(&update(&repo, tag, "key")).await;
        expect_phase(&node, "Succeeded");
        assert_eq!(git(&server.repo("gitops"), &["rev-parse", "main"], None).trim(), output(&node, "commit"));
        turns.push(relay.take().len());
    }
    assert_eq!(relay.connections(), 2, "one until it was cut, and one since");
    assert!(turns[1] < turns[0] && turns[0] <= 16, "{turns:?}");
}
