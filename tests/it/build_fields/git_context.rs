//! What the Git context gives an image: its labels, and its time.

use serde_json::{Value, json};

use crate::support::buildkitd::Buildkitd;
use crate::support::plugin::{Plugin, Setup, expect_phase, output};
use crate::support::shop::{Shop, template};

const NAME: &str = "org.opencontainers.image";

#[tokio::test]
async fn labels_and_annotations_say_what_an_image_was_built_from() {
    let shop =
        Shop::open("FROM scratch\nLABEL org.opencontainers.image.source=base kept=yes\nCOPY main.txt /\n")
            .await;
    let expected = json!({
        "revision": shop.sha, "source": shop.service.url().trim_end_matches(".git"), "version": "1",
    });
    let of = |found: &Value, key: &str| found[format!("{NAME}.{key}")].clone();
    let image = shop.image_of(json!({"git-labels": true})).await;
    let labels = image.config().await["config"]["Labels"].clone();
    for found in [&labels, &image.manifest["annotations"]] {
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(of(found, key), *value, "{key}: {found}");
        }
        let created = of(found, "created");
        assert!(created.as_str().unwrap().ends_with('Z'), "{found}");
    }
    assert_eq!(labels["kept"], "yes");

    // The step's own come first, and an index has them too.
    let own = json!({"git-labels": "true", "labels": {(format!("{NAME}.version")): "mine"}, "source-date-epoch": 0,
        "annotations": {(format!("index:{NAME}.revision")): "r"}, "attest": "min", "tags": [shop.image()]});
    let node = shop.built(own).await;
    let index = shop.pushed(&node).await;
    assert_eq!(of(&index.manifest["annotations"], "revision"), "r");
    assert_eq!(of(&index.manifest["annotations"], "created"), "1970-01-01T00:00:00Z");
    assert_eq!(of(&index.manifest["annotations"], "version"), Value::Null, "`latest` is no version");
    let image = index.child(index.manifest["manifests"][0]["digest"].as_str().unwrap()).await;
    assert_eq!(of(&image.config().await["config"]["Labels"], "version"), "mine");

    shop.service.tag("v2.0.0", &shop.sha).await;
    let context = json!({"repo": shop.service.url(), "revision": "v2.0.0", "secret": "git"});
    let image = shop.image_of(json!({"git-labels": true, "context": context})).await;
    assert_eq!(of(&image.manifest["annotations"], "version"), "v2.0.0");
}

/// A file of the context, and one that a RUN makes.
const MADE: &str = "FROM BASE\nARG SOURCE_DATE_EPOCH\nCOPY main.txt /\nRUN mkdir /made && echo $SOURCE_DATE_EPOCH >/made/date\n";

#[tokio::test]
async fn a_commit_that_two_empty_daemons_build_has_one_digest() {
    let shop = Shop::open(MADE).await;
    let hosts = [shop.world.registry.host(), shop.world.gitea.host()];
    let plain = hosts.map(|host| format!("[registry.\"{host}\"]\nhttp = true\n")).concat();
    let fields = json!({"source-date-epoch": "commit", "rewrite-timestamp": true, "git-labels": true});
    let mut digests = Vec::new();
    for _ in 0..2 {
        let daemon = Buildkitd::start(&plain);
        let plugin = Setup::new(daemon.address()).start();
        lend(&shop, &plugin);
        let node = plugin.node(&template(shop.build(fields.clone()))).await;
        expect_phase(&node, "Succeeded");
        assert_eq!(output(&node, "cached-steps"), "0");
        digests.push(output(&node, "digest"));
    }
    assert_eq!(digests[0], digests[1]);
    let image = shop.image_of(fields).await;
    let created = image.config().await["created"].as_str().unwrap().to_owned();
    let created: jiff::Timestamp = created.parse().unwrap();
    assert_eq!(image.file("made/date").await, created.as_second().to_string());
    let label = image.manifest["annotations"][format!("{NAME}.created")].as_str().unwrap().to_owned();
    assert_eq!(label.parse::<jiff::Timestamp>().unwrap(), created);
}

/// Gives another plugin the Secrets of the shop.
fn lend(shop: &Shop, plugin: &Plugin) {
    plugin.put("git", "username", &shop.owner);
    plugin.put("git", "token", &shop.token);
    plugin.put(
        "registry",
        ".dockerconfigjson",
        &shop.world.gitea.docker_config_json(&shop.owner, &shop.token),
    );
}
