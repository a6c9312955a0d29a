//! The caller's right to read a commit. The daemon itself gives a commit to anybody who names it.

use argo_buildkit::jobs::JobKey;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::buildctl::histories;
use crate::support::buildkitd::Buildkitd;
use crate::support::plugin::{Setup, Workflow, expect_phase};
use crate::support::shop::{Shop, template};

/// Whether the daemon received a build for a step.
fn reached(daemon: &Buildkitd, workflow: &Workflow, step: &Value) -> bool {
    let key = JobKey::derive(&workflow.uid, step).to_string();
    histories(daemon.address()).iter().any(|build| build.contains(&key))
}

#[tokio::test]
async fn a_commit_that_the_daemon_has_is_not_for_who_may_not_read_it() {
    let daemon = Buildkitd::start("");
    let start = || Setup::new(daemon.address()).start();
    let dockerfile = "FROM scratch\nCOPY main.txt /\n";
    let (ann, bob) = (Shop::with(start(), dockerfile).await, Shop::with(start(), dockerfile).await);
    let workflow = Workflow::new();
    let step = template(ann.build(json!({})));
    expect_phase(&ann.plugin.drive(&workflow, &step).await, "Succeeded");
    assert!(reached(&daemon, &workflow, &step));

    let contexts = [
        json!({"repo": ann.service.url(), "revision": ann.sha, "secret": "git"}),
        json!({"repo": ann.service.url(), "revision": "main", "secret": "git"}),
        json!({"repo": ann.service.url(), "revision": ann.sha}),
    ];
    let main = json!({"repo": bob.service.url(), "secret": "git"});
    let builds = contexts.iter().flat_map(|context| {
        [json!({"context": context}), json!({"context": main, "contexts": {"lib": context}})]
    });
    for fields in builds {
        let (workflow, step) = (Workflow::new(), template(bob.build(fields.clone())));
        let node = bob.plugin.drive(&workflow, &step).await;
        expect_phase(&node, "Failed");
        let message = node["message"].as_str().unwrap();
        assert!(message.contains(&ann.service.url()), "{fields}: {message}");
        assert!(!reached(&daemon, &workflow, &step), "{fields}");
    }
    assert_eq!(bob.digest("1").await, None);

    ann.service.grant(&bob.owner, "read").await;
    bob.built(json!({"context": contexts[0]})).await;
}

#[tokio::test]
async fn a_dockerfile_may_not_add_a_repository_that_the_step_does_not_name() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    shop.built(json!({})).await;
    let other = Shop::open("FROM scratch\n").await;
    let add = |url: &str| json!(format!("FROM scratch\nADD {url}#{} /stolen\n", shop.sha));
    // BuildKit finds a checkout by its commit alone, so the caller's own URL would also work.
    let disguised =
        format!("FROM scratch\nADD {}?ref=main&checksum={} /stolen\n", other.service.url(), shop.sha);
    for dockerfile in [add(&shop.service.url()), add(&other.service.url()), json!(disguised)] {
        let node = other.plugin.node(&template(other.build(json!({"dockerfile-inline": dockerfile})))).await;
        expect_phase(&node, "Failed");
        let message = node["message"].as_str().unwrap();
        assert!(message.contains("under `contexts`"), "{message}");
    }
    assert_eq!(other.digest("1").await, None);

    // If the step names it as a context, it is checked, and its URL may also be used in `ADD`.
    let contexts = json!({"lib": {"repo": shop.service.url(), "secret": "git"}});
    let named = json!({"dockerfile-inline": add(&shop.service.url()), "contexts": contexts});
    let refused = other.plugin.node(&template(other.build(named.clone()))).await;
    expect_phase(&refused, "Failed");
    let image = shop.image_of(named).await;
    assert_eq!(image.file("stolen/main.txt").await, "hello");
}

#[tokio::test]
async fn a_public_repository_needs_no_secret() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let path = format!("/repos/{}", shop.service.full_name());
    shop.world.gitea.call(Method::PATCH, &path, Some(json!({"private": false}))).await;
    for revision in ["main", &shop.sha] {
        let context = json!({"repo": shop.service.url(), "revision": revision});
        assert_eq!(shop.image_of(json!({"context": context})).await.file("main.txt").await, "hello");
    }
    let bare = shop.image_of(json!({"context": shop.service.url()})).await;
    assert_eq!(bare.file("main.txt").await, "hello");
}
