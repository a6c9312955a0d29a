//! `commit-status` over the wire, on a real Gitea.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::images::Repository;
use crate::support::plugin::{Setup, Workflow, expect_phase, output};
use crate::support::shop::{Shop, merge, template};

/// A shop whose plugin knows Argo's UI.
async fn shop() -> Shop {
    let setup = Setup::new("tcp://127.0.0.1:1").arg("--argo-url", "https://argo.example/");
    Shop::with(setup.start(), "FROM scratch\n").await
}

/// A status of the service's commit, with `more` fields set.
fn status(shop: &Shop, more: Value) -> Value {
    let mut fields =
        json!({"repo": shop.service.url(), "secret": "git", "commit": shop.sha, "state": "success"});
    merge(&mut fields, more);
    json!({"commit-status": fields})
}

/// The node that `step` ends as.
async fn node(shop: &Shop, step: Value) -> Value {
    shop.plugin.drive(&Workflow::new(), &template(step)).await
}

/// Every status of a commit, the oldest first.
async fn all(shop: &Shop, full_name: &str, commit: &str) -> Vec<Value> {
    let path = format!("/repos/{full_name}/statuses/{commit}?limit=50");
    let all = shop.world.gitea.call(Method::GET, &path, None).await;
    let mut all = all.as_array().unwrap().clone();
    all.sort_by_key(|status| status["id"].as_u64());
    all
}

async fn of_service(shop: &Shop) -> Vec<Value> {
    all(shop, &shop.service.full_name(), &shop.sha).await
}

#[tokio::test]
async fn a_status_links_to_the_workflow_and_is_the_namespaces_own() {
    let shop = shop().await;
    let ended = node(&shop, status(&shop, json!({"description": "Built"}))).await;
    expect_phase(&ended, "Succeeded");
    assert_eq!(output(&ended, "posted"), "true");
    assert_eq!((output(&ended, "state"), output(&ended, "linked")), ("success".into(), String::new()));
    let set = of_service(&shop).await;
    let [found] = &set[..] else { panic!("one status") };
    assert_eq!(found["context"], "argo-buildkit/builds");
    assert_eq!(found["context"], output(&ended, "context"));
    assert_eq!((&found["status"], &found["description"]), (&json!("success"), &json!("Built")));
    let url = found["target_url"].as_str().unwrap();
    assert!(url.starts_with("https://argo.example/workflows/builds/") && url.contains("?uid="), "{url}");
    let message = ended["message"].as_str().unwrap();
    assert!(message.contains("`argo-buildkit/builds` is now `success` at "), "{message}");
}

#[tokio::test]
async fn a_step_that_runs_again_writes_nothing() {
    let shop = shop().await;
    let same =
        || status(&shop, json!({"context": "ci/build", "url": "https://ci.example/1", "state": "Running"}));
    let first = node(&shop, same()).await;
    let second = node(&shop, same()).await;
    assert_eq!((output(&first, "posted"), output(&second, "posted")), ("true".into(), "false".into()));
    let ended = node(&shop, status(&shop, json!({"context": "ci/build", "state": "Failed"}))).await;
    assert_eq!((output(&ended, "posted"), output(&ended, "state")), ("true".into(), "failure".into()));
    let states: Vec<_> = of_service(&shop).await.iter().map(|status| status["status"].clone()).collect();
    assert_eq!(states, ["pending", "failure"]);
    let off = node(&shop, json!({"commit-status": {"enabled": "false"}})).await;
    expect_phase(&off, "Succeeded");
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    for (result, count) in [("posted", 2), ("unchanged", 1)] {
        let line = format!("argo_buildkit_commit_statuses_total{{result=\"{result}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn the_commit_of_an_update_is_marked_in_the_same_node() {
    let shop = shop().await;
    let report = json!({"commit-status": {
        "repo": shop.gitops.url(), "secret": "git", "commit": "$(update-manifest.commit)", "state": "pending",
        "context": "argo-buildkit/builds/deploy",
    }});
    let update = shop.update(json!({"image.tag": "2"}), json!({}));
    let ended = node(&shop, json!({"steps": [update, report]})).await;
    expect_phase(&ended, "Succeeded");
    let commit = output(&ended, "commit");
    let set = all(&shop, &shop.gitops.full_name(), &commit).await;
    let [found] = &set[..] else { panic!("one status") };
    assert_eq!(
        (&found["status"], &found["context"]),
        (&json!("pending"), &json!("argo-buildkit/builds/deploy"))
    );
}

#[tokio::test]
async fn no_secret_is_shown_at_the_commit() {
    let shop = shop().await;
    let told = format!("pushed with {}", shop.token);
    expect_phase(&node(&shop, status(&shop, json!({"description": told}))).await, "Succeeded");
    let set = of_service(&shop).await;
    let [found] = &set[..] else { panic!("one status") };
    let shown = found["description"].as_str().unwrap();
    assert!(shown.starts_with("pushed with ") && !shown.contains(&shop.token), "{shown}");
}

#[tokio::test]
async fn what_fails_says_why_and_whose_turn_it_is() {
    let shop = shop().await;
    let unknown = node(&shop, status(&shop, json!({"commit": "f".repeat(40)}))).await;
    expect_phase(&unknown, "Failed");
    let said = unknown["message"].as_str().unwrap();
    assert!(said.contains("has no commit `ffff") && said.contains("push it first"), "{said}");

    let nowhere = format!("{}/nowhere.git", shop.world.gitea.url() + "/" + &shop.owner);
    let missing = node(&shop, status(&shop, json!({"repo": nowhere}))).await;
    expect_phase(&missing, "Failed");

    // The port is of a server that is not there.
    let away = node(&shop, status(&shop, json!({"repo": "http://127.0.0.1:1/shop/api.git"}))).await;
    expect_phase(&away, "Error");
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    assert!(metrics.contains("argo_buildkit_commit_statuses_total{result=\"failed\"} 3"), "{metrics}");
}

/// The step after it tells people, so it must run. A policy or a mistake in the step is still an error.
#[tokio::test]
async fn a_status_that_may_fail_lets_the_next_step_run() {
    let shop = shop().await;
    let unknown = status(&shop, json!({"commit": "f".repeat(40), "ignore-error": "true"}));
    let mut later = status(&shop, json!({}));
    later["name"] = json!("later");
    let ended = node(&shop, json!({"steps": [unknown, later]})).await;
    expect_phase(&ended, "Succeeded");
    let said = output(&ended, "commit-status-status-problem");
    assert!(said.contains("has no commit `ffff"), "{said}");
    assert_eq!(output(&ended, "commit-status-posted"), "");
    assert_eq!(
        (output(&ended, "later-posted"), output(&ended, "later-status-problem")),
        ("true".into(), String::new())
    );
    let refused = node(&shop, status(&shop, json!({"state": "green", "ignore-error": "true"}))).await;
    expect_phase(&refused, "Failed");
}

#[tokio::test]
async fn a_silent_forge_is_left_at_the_steps_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plugin = Setup::new("tcp://127.0.0.1:1").start();
    plugin.put("git", "token", "token");
    let mut step = template(json!({"commit-status": {
        "repo": format!("http://{}/shop/api.git", silent.local_addr().unwrap()),
        "secret": "git", "commit": "f".repeat(40), "state": "error",
    }}));
    step["timeout"] = json!("2s");
    let ended = plugin.drive(&Workflow::new(), &step).await;
    expect_phase(&ended, "Failed");
    let said = ended["message"].as_str().unwrap();
    assert!(
        said.contains("its timeout of 2.0 s, during: setting the status of ffffffffff of http://"),
        "{said}"
    );
}

#[tokio::test]
async fn an_image_is_linked_to_its_repository() {
    let shop = shop().await;
    let image = format!("{}:1", shop.image());
    let link = || status(&shop, json!({"link-package": image, "url": "https://ci.example/1"}));

    let absent = node(&shop, link()).await;
    expect_phase(&absent, "Failed");
    let said = absent["message"].as_str().unwrap();
    assert!(
        said.contains("is now `success` at ") && said.contains("but the image is not linked: cannot"),
        "{said}"
    );
    assert_eq!((output(&absent, "posted"), output(&absent, "linked")), ("true".into(), "false".into()));

    let registry = Repository::new(shop.world.gitea.host(), &shop.service.full_name());
    let registry = registry.with_user(&shop.owner, &shop.token);
    registry.dated("1", "2026-01-01T00:00:00Z", json!({})).await;
    for told in ["; the image is linked to the repository", "; the image was linked already"] {
        let ended = node(&shop, link()).await;
        expect_phase(&ended, "Succeeded");
        assert!(ended["message"].as_str().unwrap().ends_with(told), "{}", ended["message"]);
        assert_eq!((output(&ended, "posted"), output(&ended, "linked")), ("false".into(), "true".into()));
    }
}

/// The policy compares the image with what its namespace may push to, by the name of its registry.
#[tokio::test]
async fn an_image_of_another_registry_is_not_taken_for_the_forges() {
    let shop = shop().await;
    let other = format!("registry.example/{}", shop.service.full_name());
    let ended = node(&shop, status(&shop, json!({"link-package": other}))).await;
    expect_phase(&ended, "Failed");
    let said = ended["message"].as_str().unwrap();
    assert!(
        said.starts_with("commit-status.link-package: the image is in the registry registry.example"),
        "{said}"
    );
    assert!(of_service(&shop).await.is_empty(), "nothing is written before that is known");
}
