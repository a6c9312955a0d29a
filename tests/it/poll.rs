//! `poll`: which images are missing, and what is submitted for them, over the wire.

mod docs;
mod hostile;
mod monorepo;
mod registries;
mod shares;
mod world;

use argo_buildkit::outcome::Fault;
use serde_json::json;

use self::world::World;

#[tokio::test]
async fn what_is_missing_is_submitted_once_and_everything_else_has_a_reason() {
    let world = World::new().await;
    let built = world.repo("built");
    world.push_image("built", &built).await;
    let missing = world.repo("missing");
    world.git(&["-C", &world.bare("missing"), "tag", "-a", "-m", "x", "v1.0.0", "main"]);
    world.git(&["-C", &world.bare("missing"), "branch", "other", "main"]);
    let services = json!([
        world.service("built", "{}"),
        world.service("missing", "{branches: 'main,other', tags: 'v.*', workflow: {template: build, parameters: {image: r.io/x, before: x}}}"),
        world.service("nothing", "{repo: built, image: built, branches: release/.*}"),
    ]);
    let ended = world.poll(&services).await.unwrap();
    let (branch, tag) =
        (format!("missing-{}", &missing[..12]), format!("missing-t4ffb37-{}", &missing[..12]));
    assert_eq!(ended.submitted, [branch.clone(), tag.clone()]);
    assert_eq!(ended.message, format!("2 submitted, 1 up to date, 1 skipped; submitted {branch}, {tag}"));
    assert_eq!(
        ended.skipped,
        [
            json!({"service": "nothing", "ref": "", "reason": "the repository has no branch and no tag that `branches` or `tags` match"}),
            json!({"service": "built", "ref": "refs/heads/main", "reason": format!("image {}:{built} is there", world.image("built"))}),
        ]
    );
    let workflow = world.workflow(&tag).await;
    let line = argo_buildkit::selection::line(&world.url("missing"), "refs/tags/v1.0.0", "r.io/x");
    assert_eq!(
        workflow["metadata"]["labels"],
        json!({"argo-buildkit.io/service": "missing", "argo-buildkit.io/line": line})
    );
    assert_eq!(workflow["spec"]["workflowTemplateRef"], json!({"name": "build"}));
    let parameter = |name: &str, value: &str| json!({"name": name, "value": value});
    assert_eq!(
        workflow["spec"]["arguments"]["parameters"],
        json!([
            parameter("git-ref", "refs/tags/v1.0.0"),
            parameter("image", "r.io/x"),
            parameter("image-tag", "v1.0.0"),
            parameter("repo", &world.url("missing")),
            parameter("revision", &missing),
        ])
    );
    let again = world.poll(&services).await.unwrap();
    assert_eq!(again.message, "1 up to date, 3 skipped");
    assert!(again.skipped[0]["reason"].as_str().unwrap().ends_with(" builds it"), "{:?}", again.skipped);
}

#[tokio::test]
async fn a_failed_build_is_not_tried_again_while_its_workflow_exists() {
    let world = World::new().await;
    let commit = world.repo("api");
    let services = json!([world.service("api", "{}")]);
    let name = world.poll(&services).await.unwrap().submitted.remove(0);
    assert_eq!(name, format!("api-{}", &commit[..12]));
    for (phase, reason) in [
        (
            "Failed",
            format!("workflow {name} ended as Failed; it is not submitted again while that one exists"),
        ),
        ("Error", format!("workflow {name} ended as Error; ")),
        ("Succeeded", format!("workflow {name} has succeeded without this image: ")),
        ("Running", format!("workflow {name} builds it")),
    ] {
        world.end(&name, phase).await;
        let again = world.poll(&services).await.unwrap();
        assert_eq!(again.message, "1 skipped");
        assert!(again.skipped[0]["reason"].as_str().unwrap().starts_with(&reason), "{:?}", again.skipped);
    }
    world.delete(&name).await;
    assert_eq!(world.poll(&services).await.unwrap().submitted, [name]);
}

#[tokio::test]
async fn two_runs_at_once_submit_each_workflow_once() {
    let world = World::new().await;
    let commit = world.repo("api");
    for nth in 0..12 {
        world.git(&["-C", &world.bare("api"), "tag", &format!("v1.{nth}"), "main"]);
    }
    let services = json!([world.service("api", "{tags: 'v.*'}")]);
    let (one, other) = tokio::join!(world.poll(&services), world.poll(&services));
    let mut submitted = [one.unwrap().submitted, other.unwrap().submitted].concat();
    submitted.sort();
    let mut all = world.workflows().await;
    all.sort();
    assert_eq!(submitted, all);
    assert_eq!(all.len(), 13, "12 tags that were pushed at once, and the branch: {all:?}");
    assert!(all.iter().all(|name| name.ends_with(&commit[..12])));
}

#[tokio::test]
async fn one_dead_repository_or_registry_stops_no_other() {
    let world = World::new().await;
    let hole = world.silent_server().await;
    for name in ["one", "two"] {
        world.repo(name);
    }
    let mut services: Vec<_> = (0..12)
        .map(|nth| world.service(&format!("silent-{nth}"), &format!("{{repo: 'http://{hole}/{nth}.git'}}")))
        .collect();
    services.extend((0..12).map(|nth| {
        world.service(&format!("mute-{nth}"), &format!("{{repo: one, image: {hole}/mute/{nth}}}"))
    }));
    services.push(world.service("gone", "{}"));
    services.push(world.service("one", "{}"));
    services.push(world.service("two", "{}"));
    let ended = world.poll(&json!(services)).await.unwrap_err();
    assert_eq!(ended.fault, Fault::Transient);
    assert!(ended.message.starts_with("2 submitted, 25 failed; submitted "), "{}", ended.message);
    let failed: Vec<serde_json::Value> = serde_json::from_str(&ended.outputs["failed"]).unwrap();
    let of = |prefix: &str, reason: &str| {
        let is_so = |item: &&serde_json::Value| {
            let text = |key: &str| item[key].as_str().unwrap();
            text("service").starts_with(prefix) && text("reason").contains(reason)
        };
        failed.iter().filter(is_so).count()
    };
    assert_eq!(of("gone", "was not found"), 1, "{failed:?}");
    assert_eq!(of("silent-", ""), 12);
    assert_eq!(of("mute-", ""), 12);
    // At most eight at a time go to one server, and the others are not asked after these.
    assert!((1..=8).contains(&of("silent-", "its branches and tags were not listed")), "{failed:?}");
    assert!(of("silent-", "did not answer other requests of this run") >= 4, "{failed:?}");
    assert!(of("mute-", "did not answer other requests of this run") >= 4, "{failed:?}");
}

#[tokio::test]
async fn a_poll_that_is_off_sends_no_request() {
    let world = World::new().await;
    let mut body = json!({"services": [world.service("gone", "{}")]});
    body["enabled"] = "false".into();
    let ended = world.run(&body).await.unwrap();
    assert_eq!((ended.message.as_str(), ended.submitted.len()), ("polling is off", 0));
}

#[tokio::test]
async fn a_missing_right_is_named_and_nothing_is_submitted() {
    let world = World::new().await;
    world.repo("api");
    let ended = world.poll_as_plugin(&json!([world.service("api", "{}")])).await.unwrap_err();
    assert_eq!(ended.fault, Fault::User);
    assert!(
        ended.message.contains("is forbidden to") && ended.message.contains("workflows"),
        "{}",
        ended.message
    );
}
