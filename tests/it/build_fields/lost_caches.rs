//! Caches that would delay or break a build are left out, with a warning.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use crate::support::net::{client, unique};
use crate::support::plugin::{expect_phase, output};
use crate::support::registry_front::RegistryFront;
use crate::support::shop::{Shop, template};
use crate::support::tcp_proxy::{Outage, TcpProxy};

/// The text is in no other test's cache.
fn dockerfile() -> String {
    format!("FROM BASE AS one\nRUN : {} && echo 1 >/one\nFROM BASE\nCOPY --from=one /one /\n", unique("lost"))
}

fn warnings(node: &Value) -> Vec<String> {
    serde_json::from_str(&output(node, "warnings")).unwrap()
}

/// The seconds that caches took: `read` or `write`.
fn cost(node: &Value, what: &str) -> f64 {
    let cost: Value = serde_json::from_str(&output(node, "cache-cost")).unwrap();
    cost[what].as_f64().unwrap()
}

#[tokio::test]
async fn a_cache_whose_registry_is_silent_is_left_out_and_named() {
    let shop = Shop::open(&dockerfile()).await;
    let good = format!("{}/cache:good", shop.image());
    shop.built(json!({"cache": {"to": good}})).await;
    let proxy = TcpProxy::start(shop.world.registry.host()).await;
    proxy.interrupt(Outage::Silent);
    let silent = format!("{}/cache/{}:1", proxy.host(), unique("api"));
    let node = shop.built(json!({"cache": {"from": [silent, good]}})).await;
    let expected = format!("cache {silent} is left out: its registry did not answer within 5 s");
    assert_eq!(warnings(&node), [expected]);
    assert!(cost(&node, "read") >= 5.0, "{node}");
    assert!(!shop.world.buildkitd.log().contains(&silent), "the daemon was told of it");
}

#[tokio::test]
async fn an_export_to_a_silent_registry_is_not_begun() {
    let shop = Shop::open(&dockerfile()).await;
    let proxy = TcpProxy::start(shop.world.registry.host()).await;
    proxy.interrupt(Outage::Silent);
    let silent = format!("{}/cache/{}:1", proxy.host(), unique("api"));
    let why = format!("exporting to {silent} failed: its registry did not answer within 5 s");

    let node = shop.built(json!({"cache": {"to": silent}})).await;
    assert_eq!(output(&node, "cache"), "failed");
    assert_eq!(warnings(&node), [format!("cache export: {why}")]);
    assert!(cost(&node, "write") >= 5.0, "{node}");

    let node = shop
        .plugin
        .node(&template(shop.build(json!({"cache": {"to": {"ref": silent, "ignore-error": false}}}))))
        .await;
    expect_phase(&node, "Error");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains(&why) && message.contains("set cache.to.ignore-error"), "{message}");
}

/// Deletes a layer of `name` (`host/repository:tag`), but not its manifest. Returns the layer's digest.
async fn lose_a_layer(name: &str) -> String {
    let (host, rest) = name.split_once('/').unwrap();
    let (repository, tag) = rest.split_once(':').unwrap();
    let url = |path: &str| format!("http://{host}/v2/{repository}/{path}");
    let accept = "application/vnd.oci.image.manifest.v1+json";
    let request = client().get(url(&format!("manifests/{tag}"))).header("accept", accept);
    let manifest: Value = request.send().await.unwrap().json().await.unwrap();
    let digest = manifest["layers"].as_array().unwrap().last().unwrap()["digest"].as_str().unwrap();
    let answer = client().delete(url(&format!("blobs/{digest}"))).send().await.unwrap();
    assert_eq!(answer.status(), 202, "{manifest}");
    digest.to_owned()
}

#[tokio::test]
async fn a_cache_that_has_lost_a_layer_is_left_out_and_named() {
    let own = super::cache::Own::open_with(&dockerfile()).await;
    let cache = format!("{}:1", own.cache());
    let first = own.shop.built(json!({"cache": {"to": {"ref": cache, "mode": "max"}}})).await;
    let digest = lose_a_layer(&cache).await;
    own.prune();
    let again = own.shop.built(json!({"cache": {"from": cache}})).await;
    assert_eq!(output(&again, "cached-steps"), "0", "it was built anew");
    let [told] = &warnings(&again)[..] else { panic!("{again}") };
    assert!(
        told.starts_with(&format!("cache {cache} is left out: its registry has lost {digest}")),
        "{told}"
    );
    assert_eq!(output(&first, "cache"), "exported");
}

/// The registry has every layer, but sends none. The second build has to read a file of one.
#[tokio::test]
async fn a_build_that_cannot_read_a_layer_of_a_cache_runs_again_without_it() {
    let own = super::cache::Own::open_with(&dockerfile()).await;
    let cache = format!("{}:1", own.cache());
    own.shop.built(json!({"target": "one", "cache": {"to": {"ref": cache, "mode": "max"}}})).await;
    let (host, rest) = cache.split_once('/').unwrap();
    let url = format!("http://{host}/v2/{}/manifests/1", rest.trim_end_matches(":1"));
    let request = client().get(url).header("accept", "application/vnd.oci.image.manifest.v1+json");
    let manifest: Value = request.send().await.unwrap().json().await.unwrap();
    // What the cache has is in its config.
    let config = manifest["config"]["digest"].as_str().unwrap().to_owned();
    let front = RegistryFront::start(host, move |seen| {
        let is_layer = seen.method == "GET" && seen.path.contains("/blobs/") && !seen.path.contains(&config);
        is_layer.then(|| StatusCode::FORBIDDEN.into_response())
    })
    .await;
    own.prune();
    let broken = format!("{}/{rest}", front.host());
    let node = own.shop.built(json!({"cache": {"from": broken}})).await;
    let expected = format!("cache {broken} is left out: the build could not read it: ");
    assert!(matches!(&warnings(&node)[..], [one] if one.starts_with(&expected)), "{node}");
}

/// A manifest may have 4 MiB, and a step may name a thousand caches.
#[tokio::test]
async fn few_caches_are_checked_at_a_time() {
    let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let most_seen = Arc::clone(&most);
    let answer = move |headers: HeaderMap| {
        let (at_work, most) = (at_work.clone(), most.clone());
        async move {
            // The daemon names itself.
            if !headers.contains_key("user-agent") {
                most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                at_work.fetch_sub(1, Ordering::SeqCst);
            }
            StatusCode::NOT_FOUND
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let caches: Vec<_> = (0..40).map(|n| format!("{host}/cache/x:{n}")).collect();
    shop.built(json!({"cache": {"from": caches}})).await;
    assert_eq!(most_seen.load(Ordering::SeqCst), 4);
}
