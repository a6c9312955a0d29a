//! The main job, over the wire: an image from a private Gitea repository is pushed, and its digest is committed to a
//! manifest.

use serde_json::json;

use crate::support::black_hole::BlackHole;
use crate::support::plugin::{Setup, Workflow, expect_phase, output};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::{Shop, VALUES, declaring, template};

const DOCKERFILE: &str = "FROM BASE AS build\nCOPY main.txt /\nRUN tr a-z A-Z </main.txt >/out.txt\n\
    FROM BASE\nCOPY --from=build /out.txt /\n";

#[tokio::test]
async fn one_node_builds_pushes_and_commits_the_digest() {
    let shop = Shop::open(DOCKERFILE).await;
    let workflow = Workflow::new();
    let step = declaring(shop.steps(), &["digest", "commit", "build-log-tail"]);
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Succeeded");

    let digest = output(&node, "digest");
    for tag in ["1", "latest"] {
        assert_eq!(shop.digest(tag).await.unwrap(), digest);
    }
    assert_eq!(output(&node, "build-revision"), shop.sha);
    assert_eq!(output(&node, "image"), format!("{}@{digest}", shop.image()));

    let values = shop.gitops.read("main", "chart/values.yaml").await.unwrap();
    let expected =
        VALUES.replace("\"0.0.0\"", "\"1\"").replace("digest: \"\"", &format!("digest: \"{digest}\""));
    assert_eq!(values, expected, "only the two scalars differ");
    assert_eq!(shop.gitops.head("main").await, output(&node, "commit"));
    assert_eq!(shop.gitops.commits("main").await.len(), 2, "one commit on top of the first");
    let message = shop.gitops.message(&output(&node, "commit")).await;
    let trailers = format!(
        "Workflow: builds/{}\nManifest: chart/values.yaml helm:image.digest\n\
         Manifest: chart/values.yaml helm:image.tag\nManaged-By: argo-buildkit\n",
        workflow.name
    );
    assert!(message.ends_with(&trailers), "{message}");

    let (status, again) = shop.plugin.poll(&workflow, &step).await;
    assert!(status.is_success());
    assert_eq!(again["node"], node, "the end is the end, however often it is asked for");
}

#[tokio::test]
async fn the_same_content_again_is_cached_and_makes_no_commit() {
    let shop = Shop::open(DOCKERFILE).await;
    let first = shop.plugin.node(&template(shop.steps())).await;
    let second = shop.plugin.node(&template(shop.steps())).await;
    expect_phase(&second, "Succeeded");
    assert_eq!(output(&second, "digest"), output(&first, "digest"));
    assert_eq!(output(&second, "cached-steps"), output(&second, "total-steps"));
    assert_eq!((output(&second, "changed"), output(&first, "changed")), ("false".into(), "true".into()));
    assert_eq!(output(&second, "commit"), output(&first, "commit"));
    assert_eq!(shop.gitops.commits("main").await.len(), 2);
}

/// Also with a daemon that is first asked what it knows about the build.
#[tokio::test]
async fn a_build_opens_one_connection_to_the_daemon() {
    let relay = BlackHole::start(shared_buildkitd().address(), None).await;
    let plugin = Setup::new(&format!("tcp://{}", relay.host())).start();
    let shop = Shop::with(plugin, DOCKERFILE).await;
    // If a step runs, or takes long, a second connection asks why it was not cached.
    expect_phase(&shop.plugin.node(&template(shop.build(json!({})))).await, "Succeeded");
    for _ in 0..2 {
        let before = relay.connections();
        expect_phase(&shop.plugin.node(&template(shop.build(json!({})))).await, "Succeeded");
        let opened = relay.connections() - before;
        assert!((1..=2).contains(&opened), "{opened}");
    }
}

#[tokio::test]
async fn a_failing_first_step_stops_the_rest_and_is_named() {
    let shop = Shop::open("FROM BASE\nRUN echo working on it; exit 42\n").await;
    let node = shop.plugin.node(&template(shop.steps())).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.starts_with("step 1 of 2 (`build`): "), "{message}");
    assert!(
        message.contains(">> ") && message.contains("RUN echo working on it") && message.contains("42"),
        "{message}"
    );
    assert_eq!(node["outputs"]["exitCode"], "42");
    assert!(output(&node, "log-tail").contains("working on it"));
    assert_eq!(shop.gitops.commits("main").await.len(), 1, "the second step did not run");
}

#[tokio::test]
async fn a_failing_second_step_says_what_was_done_before_it() {
    let shop = Shop::open(DOCKERFILE).await;
    let update = shop.update(json!({"image.tga": "$(build.digest)"}), json!({}));
    let node = shop.plugin.node(&template(json!({"steps": [shop.build(json!({})), update]}))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.starts_with("step 2 of 2 (`update-manifest`): chart/values.yaml"), "{message}");
    assert!(message.contains("done before it: build: pushed "), "{message}");
    assert!(output(&node, "digest").starts_with("sha256:"), "what was made is still told");
}

#[tokio::test]
async fn kustomize_images_are_set_by_name() {
    let shop = Shop::open(DOCKERFILE).await;
    let kustomization =
        "resources: [deploy.yaml]\nimages:\n- name: api # ours\n  newTag: old\n- name: web\n  newTag: w1\n";
    shop.gitops.commit_file("main", "apps/kustomization.yaml", kustomization, "add").await;
    let target = json!({"file": "apps/kustomization.yaml", "kustomize": {"name": "api", "newTag": "v2"}});
    let update = json!({"repo": shop.gitops.url(), "secret": "git", "targets": [target]});
    let node = shop.plugin.node(&template(json!({"update-manifest": update}))).await;
    expect_phase(&node, "Succeeded");
    let now = shop.gitops.read("main", "apps/kustomization.yaml").await.unwrap();
    assert_eq!(now, kustomization.replace("newTag: old", "newTag: v2"));
    assert!(output(&node, "diff").contains("-  newTag: old\n+  newTag: v2\n"));
}
