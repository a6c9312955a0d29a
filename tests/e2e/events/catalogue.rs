//! What `argo-buildkit render` makes of a catalogue, on the cluster.

use std::time::Instant;

use reqwest::Method;
use serde_json::json;

use crate::cluster::{NODE, PATIENCE, attempt, eventually, get, gitea, kubectl, tree};
use crate::install;
use crate::support::gitea::Repo;
use crate::support::net::until;
use crate::support::plugin;
use crate::workflow::{BUILDS, Workflow};

use super::site::{EVENT_SOURCE, events};

/// A repository with two services, of an owner whose repositories the Sensor `push` does not take.
fn catalogue(repo: &Repo<'_>, bot: &str) -> String {
    let (url, image) = (repo.url(), repo.image());
    let service = |name: &str| {
        format!(
            "  - {{name: {name}, repo: \"{url}\", subdir: services/{name}, image: \"{image}-{name}\", insecure: true}}\n"
        )
    };
    format!(
        "name: shop\nnamespace: builds\nhook: {{event-source: gitea, service-account: buildkit-sensor, bots: [{bot}]}}\n\
         defaults: {{template: build-push}}\nservices:\n{}{}",
        service("cart"),
        service("checkout")
    )
}

/// Commits both services, with `content` in that of `checkout`.
async fn push(repo: &Repo<'_>, content: &str) -> String {
    let dockerfile = format!("FROM {NODE}:5000/busybox:1\nCOPY main.txt /\n");
    let files = plugin::tree(&[
        ("services/cart/Dockerfile", &dockerfile),
        ("services/cart/main.txt", "cart"),
        ("services/checkout/Dockerfile", &dockerfile),
        ("services/checkout/main.txt", content),
    ]);
    repo.push_directory(files.path(), "main", content).await
}

/// The Workflow of a service and a commit.
fn workflow(service: &str, commit: &str) -> Workflow {
    let name = format!("{service}-{}", &commit[..12]);
    let made = || get(BUILDS, "workflow", &name)["metadata"]["name"].as_str().map(drop);
    eventually(|| format!("the workflow {name}"), PATIENCE, made);
    Workflow { namespace: BUILDS.to_owned(), name, began: Instant::now() }
}

#[tokio::test]
async fn a_push_to_a_repository_of_two_services_builds_what_it_touches() {
    let (events, site) = (events().await, install::site().await);
    let repo = gitea().empty_repo(&site.owner, &format!("catalogue-{}", std::process::id())).await;
    let room = tempfile::Builder::new().prefix("catalogue-").tempdir_in(tree().join("target")).unwrap();
    let path = |name: &str| room.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("services.yaml"), catalogue(&repo, &site.ops)).unwrap();
    let render = ["render", &path("services.yaml"), "-o", &path("rendered")];
    attempt(env!("CARGO_BIN_EXE_argo-buildkit"), &render).unwrap_or_else(|error| panic!("{error}"));
    kubectl(&["apply", "--server-side", "-k", &path("rendered")]);
    let available = || {
        let sensor = "jsonpath={.items[*].status.availableReplicas}";
        let label = "sensor-name=shop-1";
        (kubectl(&["get", "deployment", "-n", BUILDS, "-l", label, "-o", sensor]) == "1").then_some(())
    };
    eventually(|| "the rendered Sensor".to_owned(), PATIENCE, available);
    let config = json!({"url": EVENT_SOURCE, "content_type": "json", "secret": events.secret});
    let hook = json!({"type": "gitea", "active": true, "events": ["push"], "config": config});
    let hooks = format!("/repos/{}/hooks", repo.full_name());
    let hook = gitea().call(Method::POST, &hooks, Some(hook)).await["id"].as_i64().unwrap();

    let first = push(&repo, "first").await;
    // A Sensor that is ready may not have subscribed yet, and gets no event of before. The hook's button reports the branch's head
    // again. Gitea refuses that until it has noticed the first push.
    let again = format!("{hooks}/{hook}/tests");
    let heard = async || {
        gitea().api(Method::POST, &again, None).await;
        get(BUILDS, "workflow", &format!("cart-{}", &first[..12]))["metadata"]["name"].as_str().map(drop)
    };
    until(|| "the first event at the rendered Sensor".to_owned(), PATIENCE, heard).await;
    for service in ["cart", "checkout"] {
        workflow(service, &first).succeeds();
    }
    let second = push(&repo, "second").await;
    workflow("checkout", &second).succeeds();
    assert!(get(BUILDS, "workflow", &format!("cart-{}", &second[..12])).is_null());
    kubectl(&["delete", "-k", &path("rendered"), "--ignore-not-found", "--wait=false"]);
}

#[tokio::test]
async fn the_api_server_takes_every_object_of_the_example() {
    install::site().await;
    kubectl(&["apply", "--server-side", "--dry-run=server", "-k", "examples/catalogue/rendered"]);
}
