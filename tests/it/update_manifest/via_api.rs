//! `via: api`: the commit is made by Gitea's contents API.

use serde_json::json;

use super::{node, shop, tag, tag_on};
use crate::support::plugin::{expect_phase, output};

#[tokio::test]
async fn the_api_makes_the_same_commit() {
    let shop = shop().await;
    let author = json!({"name": "Ann", "email": "ann@example.com"});
    let ended = node(&shop, tag(&shop, "2", json!({"via": "api", "author": author}))).await;
    expect_phase(&ended, "Succeeded");
    assert_eq!(shop.gitops.head("main").await, output(&ended, "commit"));
    assert_eq!(tag_on(&shop, "main").await, "2");
    let head = &shop.gitops.commits("main").await[0];
    assert_eq!((head.author.as_str(), head.email.as_str()), ("Ann", "ann@example.com"));
    assert!(head.message.contains("Manifest: chart/values.yaml helm:image.tag\nManaged-By: argo-buildkit"));
    let again = node(&shop, tag(&shop, "2", json!({"via": "api"}))).await;
    assert_eq!(output(&again, "changed"), "false");
}

#[tokio::test]
async fn writers_of_one_file_all_land() {
    let shop = shop().await;
    let paths = ["image.tag", "image.digest", "image.repository"];
    let step = |path: &str| {
        let values = json!({path: format!("by-api-{path}")});
        // The messages and the authors differ, so that no two steps share a commit.
        shop.update(values, json!({"via": "api", "author": {"name": path}}))
    };
    let nodes = futures_util::future::join_all(paths.iter().map(|path| node(&shop, step(path)))).await;
    nodes.iter().for_each(|ended| expect_phase(ended, "Succeeded"));
    let values = shop.gitops.read("main", "chart/values.yaml").await.unwrap();
    for path in paths {
        assert!(values.contains(&format!("by-api-{path}")), "{values}");
    }
    assert_eq!(shop.gitops.commits("main").await.len(), 4);
}

#[tokio::test]
async fn a_pull_requests_branch_is_made_and_updated() {
    let shop = shop().await;
    let main = shop.gitops.head("main").await;
    for version in ["2", "3"] {
        let fields =
            json!({"via": "api", "mode": "pull-request", "image": format!("r.example/shop/api:{version}")});
        let ended = node(&shop, tag(&shop, version, fields)).await;
        expect_phase(&ended, "Succeeded");
        assert!(!output(&ended, "number").is_empty());
        assert_eq!(tag_on(&shop, "argo-buildkit/main/shop/api").await, version);
        assert_eq!(shop.gitops.head("argo-buildkit/main/shop/api").await, output(&ended, "commit"));
    }
    assert_eq!(shop.gitops.head("main").await, main);
}

#[tokio::test]
async fn what_the_api_refuses_is_said() {
    let shop = shop().await;
    let gitea = shop.world.gitea;
    shop.plugin.put("reader", "token", &gitea.token(&shop.owner, &["read:repository"]).await);
    shop.plugin.put("signer", "key", "irrelevant");
    let head = shop.gitops.head("main").await;
    let api = |more: serde_json::Value| {
        let mut fields = json!({"via": "api"});
        crate::support::shop::merge(&mut fields, more);
        tag(&shop, "2", fields)
    };
    let rows = vec![
        ("a token that may only read", api(json!({"secret": "reader"}))),
        ("a signature", api(json!({"signing-key": {"name": "signer", "key": "key"}}))),
        ("no login", tag(&shop, "2", json!({"via": "api", "secret": null}))),
        ("another forge", api(json!({"forge": "github"}))),
    ];
    insta::assert_snapshot!(shop.refusals(rows).await, @r#"
    a token that may only read
        `http://GITEA/OWNER/gitops.git` did not get the commit to branch `main`: cannot write to branch `main` of `OWNER/gitops` on http://GITEA: the token lacks a scope (the server says: token does not have at least one of required scope(s), required=[write:repository], token scope=read:repository); give it the scope `write:repository`
    a signature
        update-manifest.signing-key: cannot be used with `via: api`, where the server makes the commit; remove one of them
    no login
        update-manifest.forge: needs a `secret` with a token: the API takes neither an ssh key nor a call without a login
    another forge
        `http://GITEA/OWNER/gitops.git` did not get the commit to branch `main`: cannot write to branch `main` of `OWNER/gitops` on http://GITEA: not found (the server says: Not found.); check the names, and that the token's owner may see the repository
    "#);
    assert_eq!(shop.gitops.head("main").await, head);
}
