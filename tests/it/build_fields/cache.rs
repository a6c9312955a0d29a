//! Caches in the image and in a registry, and the messages if one does not work.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::bin;
use crate::support::buildkitd::Buildkitd;
use crate::support::net::unique;
use crate::support::plugin::{Setup, expect_phase, output};
use crate::support::shop::{Shop, template};

/// The random numbers show which `RUN` ran again.
const RANDOM: &str = "\
FROM BASE AS one
RUN cat /proc/sys/kernel/random/uuid >/one
FROM scratch AS other
COPY --from=one /one /renamed
FROM BASE AS last
COPY --from=one /one /
RUN cat /proc/sys/kernel/random/uuid >/last
";

/// [`RANDOM`] with a text that no other test's cache has.
fn random() -> String {
    RANDOM.replace("RUN ", &format!("RUN : {} && ", unique("cache")))
}

/// A shop with its own daemon, whose cache the test may delete.
pub(super) struct Own {
    daemon: Buildkitd,
    pub(super) shop: Shop,
}

impl Own {
    async fn open() -> Self {
        Self::open_with(&random()).await
    }

    pub(super) async fn open_with(dockerfile: &str) -> Self {
        let daemon = Buildkitd::start("");
        let shop = Shop::with(Setup::new(daemon.address()).start(), dockerfile).await;
        Self { daemon, shop }
    }

    /// Deletes everything that the daemon has built.
    pub(super) fn prune(&self) {
        let mut prune = Command::new(bin::testbed("buildctl"));
        prune.args(["--addr", self.daemon.address(), "prune", "--all"]);
        let output = prune.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A name for a cache in the open registry.
    pub(super) fn cache(&self) -> String {
        format!("{}/cache/{}", self.shop.world.registry.host(), unique("api"))
    }
}

#[tokio::test]
async fn an_inline_cache_outlives_the_daemons() {
    let own = Own::open().await;
    let tag = format!("{}:1", own.shop.image());
    let first = own.shop.built(json!({"cache": {"inline": true}})).await;
    own.prune();
    let second = own.shop.built(json!({"cache": {"inline": true, "from": [tag]}})).await;
    assert_eq!(output(&second, "digest"), output(&first, "digest"));
    assert_eq!(output(&second, "warnings"), "[]");
    own.prune();
    let third = own.shop.built(json!({"cache": {"inline": true}})).await;
    assert_ne!(output(&third, "digest"), output(&first, "digest"), "without `from` all ran again");
}

#[tokio::test]
async fn a_registry_cache_of_mode_max_has_every_stage_and_of_min_the_last() {
    let own = Own::open().await;
    for (mode, kept) in [("max", true), ("min", false)] {
        let cache = own.cache();
        let node = own.shop.built(json!({"cache": {"to": {"ref": cache, "mode": mode}}})).await;
        assert_eq!(output(&node, "cache"), "exported");
        // Gitea deletes a manifest when it loses its last tag, so it is read now.
        let one = own.shop.pushed(&node).await.file("one").await;
        own.prune();
        let again = own.shop.built(json!({"cache": {"from": cache}})).await;
        assert_eq!(output(&again, "digest"), output(&node, "digest"), "{mode}");
        own.prune();
        let other = own.shop.image_of(json!({"cache": {"from": [cache]}, "target": "other"})).await;
        assert_eq!(other.file("renamed").await == one, kept, "{mode}");
        own.prune();
    }
}

#[tokio::test]
async fn an_export_of_nothing_new_is_skipped_unless_asked_for() {
    let shop = Shop::open(&random()).await;
    let to = format!("{}/cache:x", shop.image());
    let run = async |to: Value| output(&shop.built(json!({"cache": {"to": to}})).await, "cache");
    assert_eq!(run(json!({"ref": to, "mode": "max"})).await, "exported");
    assert_eq!(run(json!({"ref": to, "mode": "max"})).await, "skipped");
    assert_eq!(run(json!(to)).await, "skipped");
    assert_eq!(run(json!({"ref": to, "when": "always"})).await, "exported");
    let elsewhere = format!("{}/cache:y", shop.image());
    assert_eq!(run(json!({"ref": elsewhere})).await, "exported", "all is cached, but it is not there yet");
    assert_eq!(run(json!({"ref": ""})).await, "none");
}

#[tokio::test]
async fn a_failed_export_fails_the_step_only_if_asked_for() {
    let shop = Shop::open(&random()).await;
    let nobodys = format!("{}/{}/cache", shop.world.gitea.host(), unique("nobody"));
    let node = shop
        .plugin
        .node(&template(shop.build(json!({"cache": {"to": {"ref": nobodys, "ignore-error": "false"}}}))))
        .await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(
        message.starts_with(&format!(
            "the image was pushed, but exporting the cache to {nobodys}:latest failed: "
        )),
        "{message}"
    );
    assert!(message.contains("set cache.to.ignore-error"), "{message}");
    assert!(shop.digest("1").await.is_some());

    let node = shop.built(json!({"cache": {"to": nobodys}})).await;
    assert_eq!(output(&node, "cache"), "failed");
    let cost: Value = serde_json::from_str(&output(&node, "cache-cost")).unwrap();
    assert!(cost["read"].is_f64() && cost["write"].as_f64().is_some_and(|seconds| seconds > 0.0), "{cost}");
    let warnings: Vec<String> = serde_json::from_str(&output(&node, "warnings")).unwrap();
    assert!(
        matches!(&warnings[..], [one] if one.starts_with(&format!("cache export: exporting to {nobodys}:latest failed: "))),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn a_cache_that_cannot_be_imported_is_told_as_a_warning() {
    let shop = Shop::open(&random()).await;
    let (absent, good) = (format!("{}/cache/absent:x", shop.image()), format!("{}/cache/good", shop.image()));
    shop.built(json!({"cache": {"to": good}})).await;
    let node = shop.built(json!({"cache": {"from": [good, absent]}})).await;
    let warnings: Vec<String> = serde_json::from_str(&output(&node, "warnings")).unwrap();
    assert!(
        matches!(&warnings[..], [one] if one.contains(&absent) && one.contains("not found")),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn a_cache_in_an_unknown_plain_registry_needs_the_word_insecure() {
    let shop = Shop::open(&random()).await;
    let registry = crate::support::registry::Registry::start();
    let cache = format!("0.0.0.0:{}/cache", registry.host().rsplit_once(':').unwrap().1);
    let to = json!({"ref": cache, "insecure": true});
    assert_eq!(output(&shop.built(json!({"cache": {"to": to}})).await, "cache"), "exported");
    let from = json!([{"ref": cache, "insecure": true}]);
    let node = shop.built(json!({"cache": {"from": from, "to": to}})).await;
    assert_eq!((output(&node, "cache"), output(&node, "warnings")), ("skipped".into(), "[]".into()));
    let node = shop.built(json!({"cache": {"to": cache}})).await;
    assert!(output(&node, "warnings").contains("set `insecure: true`"), "{node}");
}
