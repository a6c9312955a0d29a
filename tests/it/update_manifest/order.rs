//! An older source commit never overwrites a newer one.

use serde_json::{Value, json};

use super::{node, shop, tag, tag_on};
use crate::support::gitea::Repo;
use crate::support::plugin::{expect_phase, output};
use crate::support::shop::Shop;

/// An update of the chart to `version`, built from `commit` of the shop's service.
fn from(shop: &Shop, version: &str, commit: &str) -> Value {
    let source = json!({"repo": shop.service.url(), "commit": commit});
    tag(shop, version, json!({"source": source}))
}

async fn commit(repo: &Repo<'_>, branch: &str, text: &str) -> String {
    repo.commit_file(branch, "main.txt", text, text).await
}

#[tokio::test]
async fn an_older_build_that_comes_later_changes_nothing() {
    let shop = shop().await;
    let older = shop.sha.clone();
    let newer = commit(&shop.service, "main", "second").await;
    expect_phase(&node(&shop, from(&shop, "2", &newer)).await, "Succeeded");
    let head = shop.gitops.head("main").await;

    let late = node(&shop, from(&shop, "1", &older)).await;
    expect_phase(&late, "Succeeded");
    assert_eq!(output(&late, "changed"), "false");
    assert_eq!(output(&late, "superseded-by"), newer);
    assert!(late["message"].as_str().unwrap().starts_with("superseded: "), "{late}");
    assert_eq!(shop.gitops.head("main").await, head);
    assert_eq!(tag_on(&shop, "main").await, "2");

    let newest = commit(&shop.service, "main", "third").await;
    expect_phase(&node(&shop, from(&shop, "3", &newest)).await, "Succeeded");
    assert_eq!(tag_on(&shop, "main").await, "3");
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    assert!(metrics.contains("argo_buildkit_manifest_updates_total{result=\"superseded\"} 1"), "{metrics}");
}

#[tokio::test]
async fn each_place_has_an_order_of_its_own() {
    let shop = shop().await;
    let newer = commit(&shop.service, "main", "second").await;
    expect_phase(&node(&shop, from(&shop, "2", &newer)).await, "Succeeded");
    // Another value of the same file, and the same value in another file.
    shop.gitops.commit_file("main", "prod/values.yaml", "image: {tag: old}\n", "lay out prod").await;
    let source = json!({"repo": shop.service.url(), "commit": shop.sha});
    let other = shop.update(json!({"image.digest": "d1"}), json!({"source": source}));
    let ended = node(&shop, other).await;
    expect_phase(&ended, "Succeeded");
    assert_eq!(output(&ended, "changed"), "true");
    let prod = json!([{"file": "prod/values.yaml", "helm": {"image.tag": "1"}}]);
    let ended = node(&shop, tag(&shop, "1", json!({"source": source, "targets": prod}))).await;
    assert_eq!(output(&ended, "changed"), "true", "{ended}");
}

#[tokio::test]
async fn without_a_source_and_after_others_commits_the_last_one_wins() {
    let shop = shop().await;
    let newer = commit(&shop.service, "main", "second").await;
    expect_phase(&node(&shop, from(&shop, "2", &newer)).await, "Succeeded");
    // An intended rollback.
    expect_phase(&node(&shop, tag(&shop, "1", json!({}))).await, "Succeeded");
    assert_eq!(tag_on(&shop, "main").await, "1");
    // The same commit again is not an older one.
    let again = node(&shop, from(&shop, "2", &newer)).await;
    assert_eq!(output(&again, "changed"), "true", "{again}");
}

#[tokio::test]
async fn of_two_branches_the_later_commit_is_newer() {
    let shop = shop().await;
    shop.service.branch("fix", "main").await;
    let on_main = commit(&shop.service, "main", "on main").await;
    expect_phase(&node(&shop, from(&shop, "main", &on_main)).await, "Succeeded");
    // Gitea records whole seconds, so the branch's commit must have a later one.
    let later = "2038-01-01T00:00:00Z";
    let on_fix = shop.service.commit_file_at("fix", "main.txt", "on fix", later).await;
    let ended = node(&shop, from(&shop, "fix", &on_fix)).await;
    assert_eq!(output(&ended, "changed"), "true", "{ended}");
    let ended = node(&shop, from(&shop, "main", &on_main)).await;
    assert_eq!((output(&ended, "changed"), output(&ended, "superseded-by")), ("false".into(), on_fix));
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_named() {
    let shop = shop().await;
    let newer = commit(&shop.service, "main", "second").await;
    expect_phase(&node(&shop, from(&shop, "2", &newer)).await, "Succeeded");
    let head = shop.gitops.head("main").await;
    let source = json!({"repo": shop.service.url(), "commit": "main"});
    let rows = vec![("not a commit", tag(&shop, "1", json!({"source": source})))];
    let said = shop.refusals(rows).await;
    assert!(said.contains("is not a commit's 40 hex digits"), "{said}");
    assert_eq!(shop.gitops.head("main").await, head);
    // A commit that the source's server no longer has cannot be ordered, so the later write wins.
    let ended = node(&shop, from(&shop, "1", "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d")).await;
    assert_eq!(output(&ended, "changed"), "true", "{ended}");
    assert!(shop.plugin.log().contains("5e8e821a10"), "and the log says so");
}
