//! A tenant who knows only the name of a victim's commit or image cannot read it from the daemon.

use reqwest::Method;
use serde_json::json;

use super::rival::{OWN_SERVER, OWN_SERVER_TURN, Rival};
use crate::cluster::{NODE, gitea, pushed_digest};
use crate::install;
use crate::mode::{Mode, mode};
use crate::shop::Shop;
use crate::support::lying_git::{COMMIT, Lies, commit_of, id};
use crate::support::net::unique;
use crate::workflow::{BUILDS, Workflow};

/// The attacker's server claims to have the victim's commit, whose checkout the daemon has, and sends its own commit
/// instead.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_only_names_a_victims_commit_gives_nobody_its_files() {
    let rival = Rival::shared().await;
    let victim = Shop::open("FROM BASE\nCOPY main.txt /\n").await;
    victim.submit("build-push", &[]).succeeds();
    let sha = victim.service.head("main").await;
    let own = commit_of(&id("tree", b""));
    let lies = Lies { tip: sha.clone(), objects: vec![(COMMIT, own)], v0: false };
    let _turn = OWN_SERVER_TURN.lock().await;
    let repo = lies.serve(OWN_SERVER).await;
    for revision in ["main", &*sha] {
        let context = json!({"repo": repo, "revision": revision});
        let workflow = rival.submit("FROM scratch\nCOPY . /loot\n", json!({"context": context}), json!({}));
        let message = workflow.refused();
        assert!(message.contains("it is not known to have it"), "{revision}: {message}");
    }
}

/// An image of an organization with private packages. The daemon has it since a victim's build.
async fn private_image() -> String {
    let owner = &install::site().await.owner;
    let org = unique("private");
    let body = json!({"username": org, "visibility": "private"});
    gitea().call(Method::POST, &format!("/admin/users/{owner}/orgs"), Some(body)).await;
    let image = format!("{NODE}:3000/{org}/base");
    let dockerfile = format!("FROM {NODE}:5000/busybox:1\nRUN echo {} > /private\n", unique("of-the-victim"));
    let shop = Shop::open("FROM BASE\n").await;
    let context = json!({"repo": shop.service.url(), "revision": "main", "secret": "gitea-credentials"});
    let build = |dockerfile: &str, output: serde_json::Value| {
        let mut build = json!({"context": context, "dockerfile-inline": dockerfile, "registry-secret": "registry-credentials"});
        build.as_object_mut().unwrap().extend(output.as_object().unwrap().clone());
        Workflow::of_build(BUILDS, build, json!({})).succeeds();
    };
    build(&dockerfile, json!({"tags": [{"ref": format!("{image}:1"), "insecure": true}]}));
    let digest = pushed_digest(&format!("{org}/base"), "1").await;
    let private = format!("{image}@{digest}");
    build(&format!("FROM {private}\nRUN cat /private\n"), json!({"push": false}));
    private
}

#[tokio::test]
async fn a_digest_that_a_victim_has_pulled_is_no_right_to_read_it() {
    let rival = Rival::shared().await;
    let private = private_image().await;
    for dockerfile in [
        format!("FROM {private}\nRUN cat /private\n"),
        format!("FROM BASE\nCOPY --from={private} /private /\n"),
    ] {
        let message = rival.builds(&dockerfile).refused();
        // With the shared agent, either its policy or the registry may refuse first.
        let why = message.contains("no right to read image")
            || mode() == Mode::Agent && message.contains("have it added under `images`");
        assert!(why && message.contains(&private), "{message}");
    }
}
