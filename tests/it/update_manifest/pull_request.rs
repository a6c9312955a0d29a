//! `mode: pull-request` on a real Gitea.

use reqwest::Method;
use serde_json::{Value, json};

use super::{node, shop, tag, tag_on};
use crate::support::net::{PATIENCE, until};
use crate::support::plugin::{Setup, expect_phase, output};
use crate::support::shop::{Shop, merge};

/// A proposal of `version`, with `more` fields set.
fn propose(shop: &Shop, version: &str, more: Value) -> Value {
    let image = format!("registry.example/shop/api:{version}");
    let mut fields = json!({"mode": "pull-request", "image": image});
    merge(&mut fields, more);
    tag(shop, version, fields)
}

/// The open pull requests of the GitOps repository.
async fn open(shop: &Shop) -> Vec<Value> {
    let path = format!("/repos/{}/pulls?state=open", shop.gitops.full_name());
    shop.world.gitea.call(Method::GET, &path, None).await.as_array().unwrap().clone()
}

const HEAD: &str = "argo-buildkit/main/shop/api";

#[tokio::test]
async fn one_pull_request_is_opened_and_then_updated() {
    let setup = Setup::new("tcp://127.0.0.1:1").arg("--argo-url", "https://argo.example/");
    let shop = Shop::with(setup.start(), "FROM scratch\n").await;
    let main = shop.gitops.head("main").await;
    let first = node(&shop, propose(&shop, "1.4.0", json!({}))).await;
    expect_phase(&first, "Succeeded");
    assert_eq!(output(&first, "changed"), "true");
    let pulls = open(&shop).await;
    assert_eq!(pulls.len(), 1);
    assert_eq!(output(&first, "number"), pulls[0]["number"].to_string());
    assert_eq!(output(&first, "url"), pulls[0]["html_url"].as_str().unwrap());
    assert_eq!(pulls[0]["title"], "Update shop/api to 1.4.0");
    assert_eq!(pulls[0]["head"]["ref"], HEAD);
    assert_eq!(pulls[0]["head"]["sha"], output(&first, "commit"));
    let body = pulls[0]["body"].as_str().unwrap();
    assert!(body.contains("| `chart/values.yaml` | `image.tag` | `0.0.0` | `1.4.0` |"), "{body}");
    let compare = format!("/compare/{main}...{}", output(&first, "commit"));
    assert!(body.contains(&compare), "{body}");
    let workflow = "[builds/";
    assert!(body.contains(workflow) && body.contains("](https://argo.example/workflows/builds/"), "{body}");
    assert_eq!(shop.gitops.head("main").await, main);

    let second = node(&shop, propose(&shop, "1.5.0", json!({}))).await;
    expect_phase(&second, "Succeeded");
    let pulls = open(&shop).await;
    assert_eq!(pulls.len(), 1, "updated, not piled up");
    assert_eq!(pulls[0]["title"], "Update shop/api to 1.5.0");
    assert_eq!(output(&second, "number"), output(&first, "number"));
    let commits = shop.gitops.commits(HEAD).await;
    assert_eq!((commits.len(), &commits[0].parents), (2, &vec![main.clone()]), "made anew on its base");
    assert_eq!(tag_on(&shop, HEAD).await, "1.5.0");

    let again = node(&shop, propose(&shop, "1.5.0", json!({}))).await;
    assert_eq!(
        (output(&again, "changed"), output(&again, "number")),
        ("false".into(), output(&first, "number"))
    );
    assert_eq!(shop.gitops.head(HEAD).await, output(&second, "commit"));
    let kept = &open(&shop).await[0];
    assert_eq!((&kept["title"], &kept["body"]), (&pulls[0]["title"], &pulls[0]["body"]));

    // If the base branch has the change, the pull request is no longer needed.
    expect_phase(&node(&shop, tag(&shop, "1.5.0", json!({}))).await, "Succeeded");
    let needless = node(&shop, propose(&shop, "1.5.0", json!({}))).await;
    assert_eq!(output(&needless, "number"), "");
    assert!(open(&shop).await.is_empty());
}

#[tokio::test]
async fn others_commits_on_the_branch_are_kept() {
    let shop = shop().await;
    expect_phase(&node(&shop, propose(&shop, "1.4.0", json!({}))).await, "Succeeded");
    let theirs = shop.gitops.commit_file(HEAD, "README.md", "reviewed", "Review").await;
    let ended = node(&shop, propose(&shop, "1.5.0", json!({}))).await;
    expect_phase(&ended, "Succeeded");
    let commits = shop.gitops.commits(HEAD).await;
    assert_eq!(commits[0].parents, [theirs]);
    assert_eq!(tag_on(&shop, HEAD).await, "1.5.0");
}

#[tokio::test]
async fn labels_assignees_and_texts_are_the_users() {
    let shop = shop().await;
    let gitea = shop.world.gitea;
    let token = gitea.token(&shop.owner, &["write:repository", "write:issue"]).await;
    shop.plugin.put("forge", "token", &token);
    let label = json!({"name": "deploy", "color": "#00ff00"});
    gitea.call(Method::POST, &format!("/repos/{}/labels", shop.gitops.full_name()), Some(label)).await;
    let pull = json!({
        "branch": "bump/$(image-name)-$(tag)",
        "title": "Deploy $(image-name) $(tag) to $(branch)",
        "body": "By $(workflow).\n\n$(changes)\n",
        "labels": "deploy",
        "assignees": [shop.owner],
    });
    let more = json!({"pull-request": pull, "forge": {"kind": "gitea", "secret": "forge"}});
    expect_phase(&node(&shop, propose(&shop, "1.4.0", more)).await, "Succeeded");
    let pulls = open(&shop).await;
    assert_eq!(pulls[0]["title"], "Deploy shop/api 1.4.0 to main");
    assert_eq!(pulls[0]["head"]["ref"], "bump/shop/api-1.4.0");
    assert_eq!(pulls[0]["labels"][0]["name"], "deploy");
    assert_eq!(pulls[0]["assignees"][0]["login"], shop.owner);
    let body = pulls[0]["body"].as_str().unwrap();
    assert!(body.contains("chart/values.yaml image.tag: 0.0.0 -> 1.4.0"), "{body}");
}

#[tokio::test]
async fn it_merges_itself_when_its_checks_pass() {
    let shop = shop().await;
    let gitea = shop.world.gitea;
    let name = shop.gitops.full_name();
    let rule = json!({"rule_name": "main", "enable_status_check": true, "status_check_contexts": ["ci"]});
    gitea.call(Method::POST, &format!("/repos/{name}/branch_protections"), Some(rule)).await;
    let ended = node(&shop, propose(&shop, "1.4.0", json!({"pull-request": {"auto-merge": true}}))).await;
    expect_phase(&ended, "Succeeded");
    assert!(ended["message"].as_str().unwrap().contains("merges when its checks pass"), "{ended}");
    assert_eq!(tag_on(&shop, "main").await, "0.0.0");
    let status = json!({"state": "success", "context": "ci"});
    let path = format!("/repos/{name}/statuses/{}", output(&ended, "commit"));
    gitea.call(Method::POST, &path, Some(status)).await;
    let merged = async || (tag_on(&shop, "main").await == "1.4.0").then_some(());
    until(|| "the merge".to_owned(), PATIENCE, merged).await;
    // If the change is there already, no pull request is needed.
    let again = node(&shop, propose(&shop, "1.4.0", json!({}))).await;
    assert_eq!((output(&again, "changed"), output(&again, "number")), ("false".into(), String::new()));
}

#[tokio::test]
async fn what_a_pull_request_needs_is_said_before_anything_starts() {
    let shop = shop().await;
    shop.plugin.put("reader", "token", &shop.world.gitea.token(&shop.owner, &["read:repository"]).await);
    let ssh = json!({"repo": "git@git.example:ops/gitops.git", "secret": "git"});
    let rows = vec![
        ("an ssh key is no token", propose(&shop, "2", ssh)),
        ("no mode", tag(&shop, "2", json!({"pull-request": {"labels": ["a"]}}))),
        ("no image", tag(&shop, "2", json!({"mode": "pull-request", "pull-request": {"title": "$(tag)"}}))),
        ("a slip", propose(&shop, "2", json!({"pull-request": {"title": "$(tga)"}}))),
        ("the base itself", propose(&shop, "2", json!({"pull-request": {"branch": "$(branch)"}}))),
        ("a way to merge", propose(&shop, "2", json!({"pull-request": {"auto-merge": "sqash"}}))),
    ];
    insta::assert_snapshot!(shop.refusals(rows).await, @r#"
    an ssh key is no token
        update-manifest.forge: needs a `secret` with a token: the API takes neither an ssh key nor a call without a login
    no mode
        update-manifest.pull-request: is used with `mode: pull-request` only; add it
    no image
        update-manifest.pull-request.title: `$(tag)` needs the field `image`
    a slip
        update-manifest.pull-request.title: `$(tga)` stands for nothing (did you mean `tag`?)
    the base itself
        update-manifest.pull-request.branch: is the branch `main` itself; name another one
    a way to merge
        update-manifest.pull-request.auto-merge: "sqash" is not one of `merge`, `squash`, `rebase` (did you mean `squash`?)
    "#);
    assert!(open(&shop).await.is_empty());
}

#[tokio::test]
async fn nothing_is_pushed_where_no_pull_request_can_be_opened() {
    let shop = shop().await;
    let name = shop.gitops.full_name();
    shop.plugin.put("wrong", "token", "0123456789012345678901234567890123456789");
    let wrong = json!({"forge": {"kind": "gitea", "secret": "wrong"}});
    let ended = node(&shop, propose(&shop, "1.4.0", wrong)).await;
    expect_phase(&ended, "Failed");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = json!({"forge": {"kind": "gitea", "url": format!("http://{nobody}/api/v1")}});
    let ended = node(&shop, propose(&shop, "1.4.0", away)).await;
    expect_phase(&ended, "Error");
    let off = json!({"has_pull_requests": false});
    shop.world.gitea.call(Method::PATCH, &format!("/repos/{name}"), Some(off)).await;
    let ended = node(&shop, propose(&shop, "1.4.0", json!({}))).await;
    expect_phase(&ended, "Failed");
    assert!(ended["message"].as_str().unwrap().contains("pull requests turned off"), "{ended}");
    let branches = shop.world.gitea.call(Method::GET, &format!("/repos/{name}/branches"), None).await;
    assert_eq!(branches.as_array().unwrap().len(), 1, "{branches}");
}

#[tokio::test]
async fn what_was_done_stands_in_the_outputs_of_a_failure() {
    let shop = shop().await;
    // The token may read the repository, but may not open a pull request.
    shop.plugin.put("reader", "token", &shop.world.gitea.token(&shop.owner, &["read:repository"]).await);
    let reader = json!({"forge": {"kind": "gitea", "secret": "reader"}});
    let ended = node(&shop, propose(&shop, "1.4.0", reader)).await;
    expect_phase(&ended, "Failed");
    assert_eq!(output(&ended, "commit"), shop.gitops.head(HEAD).await);
    assert_eq!((output(&ended, "changed"), output(&ended, "number")), ("true".into(), String::new()));
    assert!(output(&ended, "diff").contains(r#"+  tag: "1.4.0""#), "{ended}");
    assert!(ended["message"].as_str().unwrap().contains("without a pull request"), "{ended}");
}
