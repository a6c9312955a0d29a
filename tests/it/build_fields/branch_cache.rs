//! One cache for each branch, and none that a pull request writes for others.

use std::process::Command;

use serde_json::{Value, json};

use super::cache::Own;
use crate::support::net::{client, unique};
use crate::support::plugin::output;
use crate::support::shop::Shop;

/// The random number shows whether the `RUN` ran again.
pub(super) fn dockerfile() -> String {
    format!("FROM BASE\nRUN : {} && cat /proc/sys/kernel/random/uuid >/one\n", unique("branch-cache"))
}

/// The tags of the open registry's repository `cache` (`host/repository`), in order.
pub(super) async fn tags(cache: &str) -> Vec<String> {
    let (host, repository) = cache.split_once('/').unwrap();
    let url = format!("http://{host}/v2/{repository}/tags/list");
    let answer: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    let tags = answer["tags"].as_array().cloned().unwrap_or_default();
    let mut tags: Vec<_> = tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect();
    tags.sort();
    tags
}

fn warnings(node: &Value) -> Vec<String> {
    serde_json::from_str(&output(node, "warnings")).unwrap()
}

/// The ref of a pull request, which points at `commit`.
fn open_pull_request(shop: &Shop, commit: &str) -> &'static str {
    const NAME: &str = "refs/pull/1/head";
    let update =
        Command::new("git").args(["update-ref", NAME, commit]).current_dir(shop.service.disk()).output();
    let update = update.unwrap();
    assert!(update.status.success(), "{}", String::from_utf8_lossy(&update.stderr));
    NAME
}

/// Builds `revision` with the fields `cache`.
pub(super) async fn built(shop: &Shop, revision: &str, cache: Value) -> Value {
    let context = json!({"repo": shop.service.url(), "revision": revision, "secret": {"name": "git"}});
    shop.built(json!({"context": context, "cache": cache})).await
}

#[tokio::test]
async fn each_branch_has_a_cache_and_reads_the_default_branchs() {
    let own = Own::open_with(&dockerfile()).await;
    let (shop, cache) = (&own.shop, own.cache());
    let by_branch = json!({"from": cache, "to": {"ref": cache, "mode": "max", "when": "branch"}});
    shop.service.branch("feature/login", "main").await;
    shop.service.tag("v1", &shop.sha).await;
    let pull = open_pull_request(shop, &shop.sha);

    let first = built(shop, "main", by_branch.clone()).await;
    assert_eq!((output(&first, "cache").as_str(), warnings(&first)), ("exported", vec![]));
    assert_eq!(tags(&cache).await, ["main"]);
    assert_eq!(output(&built(shop, "HEAD", by_branch.clone()).await, "cache"), "skipped");
    for (revision, outcome) in [("v1", "none"), (pull, "none"), ("feature/login", "exported")] {
        own.prune();
        let node = built(shop, revision, by_branch.clone()).await;
        assert_eq!(output(&node, "digest"), output(&first, "digest"), "{revision} has main's cache");
        assert_eq!((output(&node, "cache").as_str(), warnings(&node)), (outcome, vec![]), "{revision}");
    }
    let found = tags(&cache).await;
    let [feature, main] = &found[..] else { panic!("{found:?}") };
    assert!(feature.starts_with("feature-login..") && main == "main", "{found:?}");
}

#[tokio::test]
async fn a_commit_is_of_the_branch_that_the_step_names_if_the_branch_has_it() {
    let own = Own::open_with(&dockerfile()).await;
    let (shop, cache) = (&own.shop, own.cache());
    let told = |git_ref: &str| json!({"to": {"ref": cache, "when": "branch"}, "git-ref": git_ref});
    shop.service.branch("feature", "main").await;
    let feature = shop.service.commit_file("feature", "main.txt", "not reviewed", "change").await;
    shop.service.commit_file("main", "other.txt", "more", "move on").await;

    // The branch has moved on since, and still has the commit.
    for name in ["refs/heads/main", "main", "HEAD"] {
        let node = built(shop, &shop.sha, told(name)).await;
        let outcome = if name == "refs/heads/main" { "exported" } else { "skipped" };
        assert_eq!((output(&node, "cache").as_str(), warnings(&node)), (outcome, vec![]), "{name}");
    }
    let forged = built(shop, &feature, told("refs/heads/main")).await;
    assert_eq!(output(&forged, "cache"), "none");
    let expected = format!("the branch `refs/heads/main` does not have the commit {feature}");
    assert!(matches!(&warnings(&forged)[..], [one] if one.contains(&expected)), "{forged}");
    for (git_ref, told_why) in
        [("", "`cache.git-ref`"), ("refs/heads/none", "there is no branch `refs/heads/none`")]
    {
        let node = built(shop, &feature, told(git_ref)).await;
        assert_eq!(output(&node, "cache"), "none");
        assert!(matches!(&warnings(&node)[..], [one] if one.contains(told_why)), "{node}");
    }
    assert_eq!(tags(&cache).await, ["main"]);
    assert_eq!(output(&built(shop, &feature, told("feature")).await, "cache"), "exported");
    assert_eq!(tags(&cache).await, ["feature", "main"]);
}

#[tokio::test]
async fn each_of_several_platforms_has_a_cache() {
    let own = Own::open_with("FROM scratch\nCOPY main.txt /\n").await;
    let cache = own.cache();
    let fields = json!({
        "platforms": "linux/amd64,linux/arm64",
        "cache": {"from": cache, "to": {"ref": cache, "mode": "max", "when": "branch"}},
    });
    assert_eq!(output(&own.shop.built(fields.clone()).await, "cache"), "exported");
    assert_eq!(tags(&cache).await, ["main..linux-amd64", "main..linux-arm64"]);
    own.prune();
    let again = own.shop.built(fields).await;
    assert_eq!(output(&again, "cached-steps"), output(&again, "total-steps"));
    assert_eq!((output(&again, "cache").as_str(), warnings(&again)), ("skipped", vec![]));
}

/// Names that a person, a program or a registry could take for one another.
#[tokio::test]
async fn no_branch_writes_the_cache_of_another() {
    let own = Own::open_with(&dockerfile()).await;
    let (shop, cache) = (&own.shop, own.cache());
    let by_branch = json!({"to": {"ref": cache, "when": "branch"}});
    built(shop, "main", by_branch.clone()).await;
    let mut known = tags(&cache).await;
    assert_eq!(known, ["main"]);
    // The longest that Gitea makes.
    let long = "x".repeat(100);
    for name in ["Main", "ma/in", "m\u{430}in", "pr-1", "latest", long.as_str()] {
        shop.service.branch(name, "main").await;
        let node = built(shop, &format!("refs/heads/{name}"), by_branch.clone()).await;
        assert_eq!((output(&node, "cache").as_str(), warnings(&node)), ("exported", vec![]), "{name}");
        let now = tags(&cache).await;
        assert!(now.len() == known.len() + 1 && known.iter().all(|tag| now.contains(tag)), "{name}: {now:?}");
        known = now;
    }
}

/// Whatever the step says, `refs/pull/…` is not reviewed.
#[tokio::test]
async fn a_pull_request_writes_a_cache_of_its_own() {
    let own = Own::open_with(&dockerfile()).await;
    let (shop, cache) = (&own.shop, own.cache());
    let digest = async || {
        let (host, repository) = cache.split_once('/').unwrap();
        let url = format!("http://{host}/v2/{repository}/manifests/latest");
        let accept = "application/vnd.oci.image.manifest.v1+json";
        let answer = client().get(url).header("accept", accept).send().await.unwrap();
        answer.headers()["docker-content-digest"].to_str().unwrap().to_owned()
    };
    let always = json!({"from": cache, "to": {"ref": cache, "mode": "max", "when": "always"}});
    built(shop, "main", always.clone()).await;
    let trusted = digest().await;
    shop.service.branch("evil", "main").await;
    let evil = "FROM scratch\nCOPY main.txt /evil\n";
    let commit = shop.service.commit_file("evil", "Dockerfile", evil, "change").await;
    let pull = open_pull_request(shop, &commit);
    let named = json!({"git-ref": pull, "to": {"ref": cache, "when": "always"}});
    for (revision, fields) in [(pull, always.clone()), (commit.as_str(), named)] {
        let node = built(shop, revision, fields).await;
        assert_eq!((output(&node, "cache").as_str(), warnings(&node)), ("exported", vec![]), "{revision}");
        assert_eq!(digest().await, trusted, "{revision}");
    }
    // The branch of a fork may have any name, and webhooks give it without `refs/heads/`.
    let forged = json!({"git-ref": "main", "to": {"ref": cache, "when": "always"}});
    assert_eq!(output(&built(shop, &commit, forged).await, "cache"), "exported");
    assert_eq!(digest().await, trusted, "the commit is not of `main`");
    let found = tags(&cache).await;
    let [latest, fork, pulls] = &found[..] else { panic!("{found:?}") };
    assert!(latest == "latest" && fork.starts_with("latest-main.."), "{found:?}");
    assert!(pulls.starts_with("latest-pull-1-head.."), "{found:?}");
    own.prune();
    let again = built(shop, pull, always).await;
    assert_eq!(output(&again, "cached-steps"), output(&again, "total-steps"), "it reads what it wrote");
}
