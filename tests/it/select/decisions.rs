//! What is decided, and with how many requests to the Git server.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{ZEROS, decision, list, select};
use crate::support::git_http::GitHttp;
use crate::support::gitea::{Repo, git};
use crate::support::plugin::{Plugin, Setup, Workflow, expect_phase, output, tree};
use crate::support::round_trip_relay::RoundTripRelay;
use crate::support::shared::shared_gitea;

/// A repository in Gitea behind a relay, with a clone of it, and a plugin that may read it.
pub(super) struct Site {
    pub(super) relay: RoundTripRelay,
    pub(super) repo: Repo<'static>,
    pub(super) clone: tempfile::TempDir,
    pub(super) plugin: Plugin,
    token: String,
}

impl Site {
    pub(super) async fn open() -> Self {
        let gitea = tokio::task::spawn_blocking(shared_gitea).await.unwrap();
        let owner = gitea.user("select").await;
        let repo = gitea.repo(&owner, "shop").await;
        let files = [("services/api/main.go", "1"), ("services/web/main.js", "1"), ("docs/a.md", "1")];
        repo.push_directory(tree(&files).path(), "main", "lay out").await;
        let plugin = Setup::new("tcp://127.0.0.1:1").start();
        let token = gitea.token(&owner, &["write:repository"]).await;
        plugin.put("git", "username", &owner);
        plugin.put("git", "token", &token);
        let clone = tempfile::tempdir().unwrap();
        git(clone.path(), &["clone", "--quiet", &repo.url(), "."], Some(&token));
        Self { relay: RoundTripRelay::start(gitea.host()).await, repo, clone, plugin, token }
    }

    pub(super) fn head(&self) -> String {
        git(self.clone.path(), &["rev-parse", "HEAD"], None).trim().to_owned()
    }

    /// Commits a change of `file`. Returns the commit.
    pub(super) fn commit(&self, file: &str, message: &str) -> String {
        let path = self.clone.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, uuid::Uuid::new_v4().to_string()).unwrap();
        git(self.clone.path(), &["add", "--all"], None);
        git(self.clone.path(), &["commit", "--quiet", "--message", message], None);
        self.head()
    }

    pub(super) fn push(&self) {
        let push = ["push", "--quiet", "--force", "origin", "HEAD:refs/heads/main"];
        git(self.clone.path(), &push, Some(&self.token));
    }

    /// The node of a push, and the requests that it took.
    async fn select(&self, before: &str, after: &str, fields: Value) -> (Value, usize) {
        self.relay.take();
        let template = select(&self.relay.through(&self.repo.url()), before, after, fields);
        let node = self.plugin.node(&template).await;
        let requests = self.relay.take().len();
        assert!(requests <= 3, "{requests} requests: {node}");
        (node, requests)
    }

    /// The decision, with the message that the node shows, and the requests.
    async fn decided(&self, before: &str, after: &str, fields: Value) -> (String, String, usize) {
        let (node, requests) = self.select(before, after, fields).await;
        expect_phase(&node, "Succeeded");
        let (selected, reason) = decision(&node);
        assert_eq!(node["message"], reason);
        (selected, reason, requests)
    }
}

/// The message of one of our commits.
const OURS: &str = "Deploy api\n\n[skip ci]\n\nWorkflow: builds/api-1\n\
                    Manifest: services/api/chart/values.yaml helm:image.tag\nManaged-By: argo-buildkit";

#[tokio::test]
async fn a_push_is_decided_by_its_files_its_commits_and_its_ref() {
    let site = Site::open().await;
    let api = || json!({"paths": ["services/api"], "paths-ignore": ["**/*.md"]});
    let first = site.head();
    // The oldest of twenty commits is the one that counts: a payload of Gitea lists only the newest five.
    site.commit("services/api/main.go", "touch");
    (0..19).for_each(|nth| drop(site.commit("docs/a.md", &format!("write {nth}"))));
    let twenty = site.head();
    let docs = site.commit("docs/b.md", "write");
    let readme = site.commit("services/api/README.md", "write");
    let marked = site.commit("services/api/main.go", "Fix\n\nnot yet [CI SKIP]");
    let ours = site.commit("services/api/chart/values.yaml", OURS);
    let ours_too = site.commit("services/api/chart/values.yaml", OURS);
    let theirs = site.commit("services/api/main.go", "Fix");
    let on_top = site.commit("services/api/chart/values.yaml", OURS);
    // A person's code in a commit that keeps our message, as after `git commit --amend`.
    let amended = site.commit("services/api/main.go", OURS);
    site.push();

    let main = "branch `main`";
    let own = |count| format!("all {count} pushed commits are write-backs of argo-buildkit itself");
    for (before, after, selected, reason, most) in [
        (&first, &twenty, true, "`services/api/main.go` changed".to_owned(), 1),
        (&twenty, &docs, false, "nothing under services/api changed that `paths-ignore` (**/*.md) does not ignore, only `docs/b.md`".to_owned(), 1),
        (&docs, &readme, false, "nothing under services/api changed that `paths-ignore` (**/*.md) does not ignore, only `services/api/README.md`".to_owned(), 1),
        (&readme, &marked, false, "the commit's message has `[ci skip]`".to_owned(), 1),
        (&marked, &ours, false, "the pushed commit is a write-back of argo-buildkit itself".to_owned(), 1),
        (&marked, &ours_too, false, own(2), 2),
        // Nothing of a person is skipped: neither for our commit on top of it, nor for the mark in ours.
        (&ours_too, &on_top, true, "`services/api/chart/values.yaml` changed".to_owned(), 2),
        (&ours_too, &theirs, true, "`services/api/main.go` changed".to_owned(), 1),
        (&on_top, &amended, true, "`services/api/main.go` changed".to_owned(), 1),
        // A forced push backwards.
        (&twenty, &first, true, "`services/api/main.go` changed".to_owned(), 1),
        (&twenty, &twenty, true, "everything counts as changed: the push begins and ends at the same commit".to_owned(), 0),
        (&ZEROS.to_owned(), &docs, true, format!("everything counts as changed: {main} is new"), 1),
        (&ZEROS.to_owned(), &marked, false, "the commit's message has `[ci skip]`".to_owned(), 1),
        (&"1".repeat(40), &docs, true, "everything counts as changed: the server does not have the commit before the push".to_owned(), 2),
        (&docs, &ZEROS.to_owned(), false, format!("{main} was deleted"), 0),
    ] {
        let (was, why, requests) = site.decided(before, after, api()).await;
        assert_eq!((was, why), (selected.to_string(), reason));
        assert!(requests <= most, "{requests} requests for {before}..{after}");
    }
    let tag = json!({"ref": "refs/tags/v1", "paths": ["nothing"]});
    let (selected, reason, requests) = site.decided(ZEROS, &docs, tag).await;
    assert_eq!((selected.as_str(), requests), ("true", 0));
    assert!(reason.ends_with("tag `v1` was pushed, and tags are built whatever changed"), "{reason}");
    let (selected, reason, _) = site.decided(&docs, &docs, json!({"enabled": "false"})).await;
    assert_eq!((selected.as_str(), reason.as_str()), ("true", "selection is off"));

    let (node, _) = site.select(&first, &docs, json!({})).await;
    assert_eq!(list(&node, "files"), ["docs/a.md", "docs/b.md", "services/api/main.go"]);
    assert_eq!(output(&node, "reason"), format!("{main} was pushed"));
    assert_eq!((list(&node, "services"), list(&node, "submitted")), (vec![], vec![]));
}

#[tokio::test]
async fn odd_names_and_messages_stay_text() {
    let site = Site::open().await;
    let before = site.head();
    let names =
        ["services/api/{{workflow.name}} $(x.y)", "services/api/\"q\"\n\u{1b}[31m`x`", "services/api/😀"];
    let message = "say \"x\" {{workflow.name}} {{=1}} $(touch /tmp/x) `id` \u{202e}\n\n😀".repeat(20);
    names.iter().for_each(|name| drop(site.commit(name, &message)));
    let after = site.head();
    site.push();
    let odd_ref = "refs/heads/a\"b'c$(id)`x`😀;&|<>";
    let (node, _) = site.select(&before, &after, json!({"ref": odd_ref, "paths": "services/api"})).await;
    expect_phase(&node, "Succeeded");
    let mut files = list(&node, "files");
    files.sort();
    let mut expected: Vec<String> = names.iter().map(|name| name.replace('\u{1b}', "")).collect();
    expected.sort();
    let plain = |name: &String| name.replace(|c: char| c.is_control(), "");
    let (files, expected): (Vec<_>, Vec<_>) =
        (files.iter().map(plain).collect(), expected.iter().map(plain).collect());
    assert_eq!(files, expected);
    let text = node.to_string();
    assert!(!text.contains("{{"), "{text}");
    let reason = output(&node, "reason");
    assert!(reason.starts_with("`services/api/") && !reason.contains(char::is_control), "{reason}");
    let (node, _) = site.select(&before, &after, json!({"ref": "refs/heads/{{x}}"})).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("select.ref: Argo did not substitute"), "{node}");
}

#[tokio::test]
async fn errors_name_the_cause_and_the_mend() {
    let site = Site::open().await;
    let head = site.head();
    let (node, _) = site.select(&head, &"1".repeat(40), json!({})).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(
        message.contains("the server does not show this commit to this login; check that it was pushed"),
        "{message}"
    );
    site.plugin.put("git", "token", "wrong-token-of-nobody");
    let (node, _) = site.select(&head, ZEROS, json!({})).await;
    expect_phase(&node, "Succeeded");
    let (node, _) = site.select(&"1".repeat(40), &head, json!({"secret": "git"})).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("refused the login"), "{node}");
    let (node, _) = site.select(&"1".repeat(40), &head, json!({"secret": "none"})).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("`none`"), "{node}");
}

/// A step ends at its own limit, and what it waited for is named.
#[tokio::test]
async fn a_silent_server_is_ended_by_the_limit() {
    let site = Site::open().await;
    site.relay.hold("git-upload-pack");
    let url = site.relay.through(&site.repo.url());
    let mut template = select(&url, &"1".repeat(40), &site.head(), json!({}));
    template["timeout"] = json!("2s");
    let workflow = Workflow::new();
    let says = |node: &Value| node["message"].to_string().contains("comparing the commits of the push");
    site.plugin.until(&workflow, &template, says).await;
    let node = site.plugin.drive(&workflow, &template).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(
        message.contains("took longer than its timeout of 2.0 s, during: comparing the commits"),
        "{message}"
    );
}

fn bare(server: &GitHttp) -> PathBuf {
    server.repo("shop")
}

#[tokio::test]
async fn other_servers_serve_it_too_with_and_without_filters() {
    for server in [GitHttp::start("", ""), GitHttp::without_filter("", "")] {
        let (one, two) = (tree(&[("a", "1"), ("b", "1")]), tree(&[("a", "1"), ("b", "2"), ("c", "3")]));
        let before = server.commit_directory("shop", "main", one.path(), "one");
        let after = server.commit_directory("shop", "main", two.path(), "two");
        assert!(Path::new(&bare(&server)).exists());
        let plugin = Setup::new("tcp://127.0.0.1:1").start();
        let node =
            plugin.node(&select(&server.repo_url("shop"), &before, &after, json!({"secret": ""}))).await;
        expect_phase(&node, "Succeeded");
        assert_eq!(list(&node, "files"), ["b", "c"]);
        let listed = Command::new("git")
            .args(["diff", "--name-only", &before, &after])
            .current_dir(bare(&server))
            .output();
        assert_eq!(String::from_utf8(listed.unwrap().stdout).unwrap(), "b\nc\n");
    }
}
