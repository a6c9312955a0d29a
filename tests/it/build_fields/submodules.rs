//! Submodules, which BuildKit fetches without any login.

use serde_json::json;

use crate::support::gitea::{Repo, git};
use crate::support::plugin::{expect_phase, tree};
use crate::support::shop::{Shop, template};

/// A commit on `main` of `repo` with a Dockerfile that copies all, and `lib` a submodule at `sha` of `url`.
fn push_with_submodule(token: &str, repo: &Repo<'_>, url: &str, sha: &str) {
    let work = tree(&[
        ("Dockerfile", "FROM scratch\nCOPY . /\n"),
        (".gitmodules", &format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {url}\n")),
    ]);
    let run = |arguments: &[&str]| git(work.path(), arguments, Some(token));
    run(&["init", "--quiet", "."]);
    run(&["add", "--all"]);
    run(&["update-index", "--add", "--cacheinfo", &format!("160000,{sha},lib")]);
    run(&["commit", "--quiet", "--message", "with a submodule"]);
    run(&["push", "--quiet", "--force", &repo.url(), "HEAD:refs/heads/main"]);
}

#[tokio::test]
async fn a_private_submodule_is_refused_with_the_way_out_and_may_be_left_out() {
    let shop = Shop::open("FROM scratch\n").await;
    let head = shop.gitops.head("main").await;
    push_with_submodule(shop.world.gitea.admin_token(), &shop.service, &shop.gitops.url(), &head);
    let node = shop.plugin.node(&template(shop.build(json!({})))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains("submodule") && message.contains("set `submodules: false`"), "{message}");
    let context = json!({"repo": shop.service.url(), "secret": "git", "submodules": false});
    let image = shop.image_of(json!({"context": context})).await;
    assert!(image.file("Dockerfile").await.starts_with("FROM scratch"));
    assert_eq!(image.try_file("lib/chart/values.yaml").await, None);
}

#[tokio::test]
async fn a_public_submodule_is_checked_out() {
    let shop = Shop::open("FROM scratch\n").await;
    let path = format!("/repos/{}", shop.gitops.full_name());
    shop.world.gitea.call(reqwest::Method::PATCH, &path, Some(json!({"private": false}))).await;
    let head = shop.gitops.head("main").await;
    push_with_submodule(shop.world.gitea.admin_token(), &shop.service, &shop.gitops.url(), &head);
    let image = shop.image_of(json!({})).await;
    assert!(image.file("lib/chart/values.yaml").await.starts_with("# The shop's API."));
}
