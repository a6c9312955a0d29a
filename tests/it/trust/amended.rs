//! A commit that a reviewer made on our pull request's branch stays.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::gitea::git;
use crate::support::plugin::{Workflow, expect_phase, output};
use crate::support::shop::{Shop, template};

const HEAD: &str = "argo-buildkit/main/shop/api";

/// The node that proposes `version` in a pull request.
async fn propose(shop: &Shop, version: &str) -> Value {
    let image = format!("registry.example/shop/api:{version}");
    let step = shop.update(json!({"image.tag": version}), json!({"mode": "pull-request", "image": image}));
    let ended = shop.plugin.drive(&Workflow::new(), &template(step)).await;
    expect_phase(&ended, "Succeeded");
    ended
}

/// Amends the pull request's commit in a clone, and pushes it like `git push --force-with-lease`.
fn amend(shop: &Shop, arguments: &[&str]) -> String {
    let work = tempfile::tempdir().unwrap();
    let token = shop.world.gitea.admin_token();
    git(work.path(), &["clone", "-q", "-b", HEAD, &shop.gitops.url(), "clone"], Some(token));
    let clone = work.path().join("clone");
    let values = fs::read_to_string(clone.join("chart/values.yaml")).unwrap();
    fs::write(clone.join("chart/values.yaml"), values.replace("replicas: 2", "replicas: 3")).unwrap();
    let commit = [&["commit", "-q", "-a", "--amend", "--no-edit"], arguments].concat();
    git(&clone, &commit, None);
    git(&clone, &["push", "-q", "--force-with-lease", "origin", HEAD], Some(token));
    git(&clone, &["rev-parse", "HEAD"], None).trim().to_owned()
}

/// Whether the branch's history contains `commit`, and its file contains the change of `commit`.
async fn keeps(shop: &Shop, commit: &str) {
    let commits = shop.gitops.commits(HEAD).await;
    assert!(commits.iter().any(|held| held.sha == commit), "{commit} is lost");
    let values = shop.gitops.read(HEAD, "chart/values.yaml").await.unwrap();
    assert!(values.contains("replicas: 3"), "{values}");
}

#[tokio::test]
async fn a_reviewers_amended_commit_is_built_upon() {
    for arguments in [&[][..], &["--reset-author"]] {
        let shop = Shop::open("FROM scratch\n").await;
        let first = propose(&shop, "1.4.0").await;
        let theirs = amend(&shop, arguments);
        assert_ne!(theirs, output(&first, "commit"));
        for version in ["1.5.0", "1.6.0"] {
            let ended = propose(&shop, version).await;
            assert_eq!(output(&ended, "changed"), "true");
            assert_eq!(output(&ended, "number"), output(&first, "number"));
            keeps(&shop, &theirs).await;
            let values = shop.gitops.read(HEAD, "chart/values.yaml").await.unwrap();
            assert!(values.contains(&format!("tag: \"{version}\"")), "{values}");
        }
    }
}

/// Gitea's button `Update branch by rebase` makes the commit again, with its trailers.
#[tokio::test]
async fn a_branch_that_the_forge_rebased_is_built_upon() {
    let shop = Shop::open("FROM scratch\n").await;
    let first = propose(&shop, "1.4.0").await;
    let ours = output(&first, "commit");
    shop.gitops.commit_file("main", "README.md", "moved", "move on").await;
    let path =
        format!("/repos/{}/pulls/{}/update?style=rebase", shop.gitops.full_name(), output(&first, "number"));
    shop.world.gitea.call(Method::POST, &path, None).await;
    let rebased = shop.gitops.head(HEAD).await;
    assert_ne!(rebased, ours);
    propose(&shop, "1.5.0").await;
    let commits = shop.gitops.commits(HEAD).await;
    assert!(commits.iter().any(|held| held.sha == rebased), "{rebased} is lost");
}
