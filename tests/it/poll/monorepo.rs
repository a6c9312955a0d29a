//! Repositories with several services and with our own commits: which commit is built, and for which service.

use serde_json::{Value, json};

use super::world::World;
use crate::support::round_trip_relay::RoundTripRelay;

const OURS: &str = "Update api\n\nWorkflow: builds/api\nManifest: chart/values.yaml helm:image.tag\n\
                    Managed-By: argo-buildkit\n";

#[tokio::test]
async fn a_service_is_built_if_its_paths_changed_since_the_newest_commit_with_an_image() {
    let world = World::new().await;
    let first = world.repo("shop");
    let services = json!([
        world.service("api", "{repo: shop, paths: services/api}"),
        world.service("web", "{repo: shop, paths: services/web, paths-ignore: '**/*.md'}"),
    ]);
    // Without any image, everything counts as changed.
    let ended = world.poll(&services).await.unwrap();
    let name = |service: &str, commit: &str| format!("{service}-{}", &commit[..12]);
    assert_eq!(ended.submitted, [name("api", &first), name("web", &first)]);
    for service in ["api", "web"] {
        world.push_image(service, &first).await;
    }
    let one = world.commit("shop", &[("services/api/a", "1")], "api");
    let two = world.commit("shop", &[("services/web/README.md", "1")], "docs");
    let ended = world.poll(&services).await.unwrap();
    assert_eq!(ended.submitted, [name("api", &two)], "the oldest of two commits touches api");
    let reason = "nothing under services/web changed that `paths-ignore` (**/*.md) does not ignore, only 2 files such as \
                  `services/api/a` since the newest commit with an image";
    assert_eq!(ended.skipped, [json!({"service": "web", "ref": "refs/heads/main", "reason": reason})]);
    world.push_image("api", &one).await;
    world.delete(&name("api", &two)).await;
    let ended = world.poll(&services).await.unwrap();
    assert_eq!(ended.message, "2 skipped", "{:?}", ended.skipped);
}

/// Asserts that the reason is the Workflow `name`. The controller of another test, which serves all namespaces, may have ended it already.
fn assert_tried(skipped: &Value, name: &str) {
    let reason = skipped["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("workflow {name} ")), "{reason}");
}

#[tokio::test]
async fn of_write_backs_the_commit_below_them_is_built() {
    let world = World::new().await;
    world.repo("shop");
    let human = world.commit("shop", &[("a", "1")], "Change");
    for nth in 0..3 {
        world.commit("shop", &[("chart/values.yaml", &format!("tag: {nth}"))], OURS);
    }
    let services = json!([world.service("shop", "{}")]);
    let name = format!("shop-{}", &human[..12]);
    assert_eq!(world.poll(&services).await.unwrap().submitted, std::slice::from_ref(&name));
    let again = world.poll(&services).await.unwrap();
    assert_tried(&again.skipped[0], &name);
    world.push_image("shop", &human).await;
    let built = world.poll(&services).await.unwrap();
    assert_eq!(built.message, "1 up to date");
    let skipped = world.commit("shop", &[("a", "2")], "Change [skip ci]");
    let ended = world.poll(&services).await.unwrap();
    assert_eq!(
        ended.skipped,
        [
            json!({"service": "shop", "ref": "refs/heads/main", "reason": format!("the message of {} has `[skip ci]`", &skipped[..12])})
        ]
    );
}

#[tokio::test]
async fn a_write_back_that_a_person_amended_with_code_is_built_once() {
    let world = World::new().await;
    let first = world.repo("shop");
    let services = json!([
        world.service("all", "{repo: shop}"),
        world.service("api", "{repo: shop, paths: services/api}"),
        world.service("web", "{repo: shop, paths: services/web}"),
    ]);
    for service in ["all", "api", "web"] {
        world.push_image(service, &first).await;
    }
    let deploy = |nth: u8| world.commit("shop", &[("chart/values.yaml", &format!("tag: {nth}"))], OURS);
    (0..2).for_each(|nth| drop(deploy(nth)));
    let amended = world.commit("shop", &[("chart/values.yaml", "tag: 2"), ("services/api/a", "1")], OURS);
    for above in 3..6 {
        let name = |service: &str| format!("{service}-{}", &amended[..12]);
        let ended = world.poll(&services).await.unwrap();
        assert_eq!(ended.submitted, [name("all"), name("api")], "{above} write-backs: {ended:?}");
        assert!(
            ended.skipped[0]["reason"].as_str().unwrap().starts_with("nothing under services/web"),
            "{ended:?}"
        );
        for service in ["all", "api"] {
            world.delete(&name(service)).await;
        }
        deploy(above);
    }
    for service in ["all", "api"] {
        world.push_image(service, &amended).await;
    }
    let ended = world.poll(&services).await.unwrap();
    assert_eq!(ended.message, "2 up to date, 1 skipped", "{ended:?}");
}

#[tokio::test]
async fn fifty_write_backs_hide_no_commit() {
    let world = World::new().await;
    let human = world.repo("shop");
    let bare = world.bare("shop");
    let mut tip = human.clone();
    for _ in 0..60 {
        tip = world.git(&["-C", &bare, "commit-tree", "-p", &tip, "-m", OURS, &format!("{human}^{{tree}}")]);
    }
    world.git(&["-C", &bare, "update-ref", "refs/heads/main", &tip]);
    let ended = world.poll(&json!([world.service("shop", "{}")])).await.unwrap();
    assert_eq!(ended.submitted, [format!("shop-{}", &human[..12])]);
}

#[tokio::test]
async fn many_services_of_one_repository_share_the_requests_for_its_commits() {
    let world = World::new().await;
    let relay = RoundTripRelay::start(world.url("").split('/').nth(2).unwrap()).await;
    let first = world.repo("shop");
    let names: Vec<_> = (0..40).map(|nth| format!("s{nth:02}")).collect();
    for name in &names {
        world.push_image(name, &first).await;
    }
    world.commit("shop", &[("services/s07/a", "1")], "Change");
    let services: Vec<_> = names
        .iter()
        .map(|name| {
            let repo = relay.through(&world.url("shop"));
            world.service(name, &format!("{{repo: '{repo}', paths: services/{name}}}"))
        })
        .collect();
    let ended = world.poll(&json!(services)).await.unwrap();
    assert_eq!(ended.message.split("; ").next(), Some("1 submitted, 39 skipped"));
    assert!(ended.submitted[0].starts_with("s07-"), "{ended:?}");
    // The branches, the commits, both trees, and the branch again before the one Workflow.
    assert_eq!(relay.take(), ["POST /shop.git/git-upload-pack"; 4]);
}

#[tokio::test]
async fn a_workflow_that_says_nothing_about_the_head_is_passed_over_once() {
    let world = World::new().await;
    let first = world.repo("shop");
    let head = world.commit("shop", &[("services/api/a", "1"), ("docs/a", "1")], "Change");
    let services = json!([world.service("shop", "{paths: services/api}")]);
    let name = format!("shop-{}", &head[..12]);
    assert_eq!(world.poll(&services).await.unwrap().submitted, std::slice::from_ref(&name));
    // The Workflow of an older commit, which was made later, has ended it.
    world.annotate(&name, "argo-buildkit.io/superseded-by").await;
    world.end(&name, "Failed").await;
    let again = format!("{name}-2");
    assert_eq!(world.poll(&services).await.unwrap().submitted, std::slice::from_ref(&again));
    let ended = world.poll(&services).await.unwrap();
    assert_tried(&ended.skipped[0], &again);
    for name in [&name, &again] {
        world.delete(name).await;
    }
    // A hook's Workflow compared with the commit before its push, and the push before that was lost.
    world.push_image("shop", &first).await;
    let newest = world.commit("shop", &[("docs/a", "2")], "Docs");
    let name = format!("shop-{}", &newest[..12]);
    assert_eq!(world.poll(&services).await.unwrap().submitted, std::slice::from_ref(&name));
    world.end(&name, "Succeeded").await;
    assert_eq!(world.poll(&services).await.unwrap().submitted, [format!("{name}-2")]);
    let docs = json!([world.service("shop", "{paths: nowhere}")]);
    let ended = world.poll(&docs).await.unwrap();
    assert!(
        ended.skipped[0]["reason"].as_str().unwrap().starts_with("nothing under nowhere changed"),
        "{ended:?}"
    );
    // Without any image below, it may push another name, and would do so again.
    let other = json!([world.service("shop", "{paths: services/api, image: other}")]);
    let ended = world.poll(&other).await.unwrap();
    assert!(
        ended.skipped[0]["reason"].as_str().unwrap().contains("has succeeded without this image"),
        "{ended:?}"
    );
}
