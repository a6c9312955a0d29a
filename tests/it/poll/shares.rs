//! What a repository leaves to the others, and what changes while a run looks.

use argo_buildkit::outcome::Success;
use argo_buildkit::progress::Progress;
use serde_json::json;
use tokio::sync::watch;

use super::world::World;
use crate::support::engine::run_with_progress;
use crate::support::kube::Identity;
use crate::support::round_trip_relay::RoundTripRelay;
use crate::support::shared::shared_registry;

#[tokio::test]
async fn a_repository_with_many_tags_leaves_places_for_the_head_of_another() {
    let world = World::new().await;
    let relay = RoundTripRelay::start(world.url("").split('/').nth(2).unwrap()).await;
    let (many, one) = (world.repo("many"), world.repo("one"));
    let tags: String = (0..250).map(|n| format!("{many} refs/tags/v{n:03}\n")).collect();
    let packed = format!("# pack-refs with: peeled fully-peeled sorted \n{many} refs/heads/main\n{tags}");
    std::fs::write(std::path::Path::new(&world.bare("many")).join("packed-refs"), packed).unwrap();
    let services = json!({"poll": {"services": [
        world.service("many", "{branches: null, tags: 'v.*'}"),
        world.service("one", &format!("{{repo: '{}'}}", relay.through(&world.url("one")))),
    ]}});
    // The other repository's server is the slower one.
    relay.hold("git-upload-pack");
    let engine = world.engine(Identity::Admin).await;
    let progress = watch::Sender::new(Progress::now(""));
    let mut seen = progress.subscribe();
    let ended = run_with_progress(&engine, &world.namespace, &services, progress);
    let release = async {
        seen.wait_for(|progress| progress.now.starts_with("1 of 2 repositories")).await.unwrap();
        relay.release();
    };
    let (ended, ()) = tokio::join!(ended, release);
    let Success { summary, outputs } = ended.unwrap();
    assert!(summary.starts_with("26 submitted, 225 skipped; "), "{summary}");
    assert!(outputs["submitted"].contains(&format!("one-{}", &one[..12])), "{}", outputs["submitted"]);
    assert!(outputs["skipped"].contains("fewer while others are not done; the next run continues"));
}

/// The image `name` behind a relay before the registry.
async fn behind(world: &World, name: &str) -> (RoundTripRelay, String) {
    let relay = RoundTripRelay::start(shared_registry().host()).await;
    let image = format!("{}/{}/{name}", relay.host(), world.namespace);
    (relay, image)
}

#[tokio::test]
async fn a_branch_that_moved_while_the_registry_was_asked_is_left_to_the_next_run() {
    let world = World::new().await;
    let first = world.repo("cart");
    let (relay, image) = behind(&world, "cart").await;
    let services = json!([world.service("cart", &format!("{{image: {image}}}"))]);
    relay.hold(&first);
    let push = async {
        relay.came(&first, 1).await;
        let second = world.commit("cart", &[("a", "1")], "Change");
        relay.release();
        second
    };
    let (ended, second) = tokio::join!(world.poll(&services), push);
    let ended = ended.unwrap();
    // The hook of the second commit has its Workflow by now, and a later one of the first would end it.
    assert_eq!(ended.message, "1 skipped", "{ended:?}");
    assert!(ended.skipped[0]["reason"].as_str().unwrap().starts_with("the branch has moved"), "{ended:?}");
    assert_eq!(world.poll(&services).await.unwrap().submitted, [format!("cart-{}", &second[..12])]);
}

#[tokio::test]
async fn a_build_that_ended_while_the_run_looked_is_not_repeated() {
    let world = World::new().await;
    let first = world.repo("shop");
    world.push_image("shop", &first).await;
    let head = world.commit("shop", &[("services/api/a", "1")], "Change");
    let (relay, image) = behind(&world, "shop").await;
    let services = json!([world.service("shop", &format!("{{paths: services/api, image: {image}}}"))]);
    let name = world.poll(&services).await.unwrap().submitted.remove(0);
    world.end(&name, "Succeeded").await;
    // The head had no image when it was asked for; the commit below is asked for next.
    relay.hold(&first);
    let build = async {
        relay.came(&first, 2).await;
        world.push_image("shop", &head).await;
        relay.release();
    };
    let (ended, ()) = tokio::join!(world.poll(&services), build);
    assert_eq!(ended.unwrap().message, "1 up to date");
    assert_eq!(world.workflows().await, [name]);
}
