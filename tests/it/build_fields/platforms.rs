//! An image that does not exist for a platform.

use serde_json::json;

use crate::support::plugin::{expect_phase, output};
use crate::support::shop::{Shop, template};

/// The base image is private, so the registry gets the step's own login.
#[tokio::test]
async fn who_asks_for_a_missing_platform_is_told_those_that_there_are() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let both = json!({"platforms": "linux/amd64,linux/arm64", "tags": format!("{}:base", shop.image())});
    let base = output(&shop.built(both).await, "image");
    let fields = json!({"platforms": "linux/s390x", "dockerfile-inline": format!("FROM {base}\n")});
    let node = shop.plugin.node(&template(shop.build(fields))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    let there = format!("{base} is there for linux/amd64, linux/arm64");
    assert!(message.contains("choose others under `platforms`") && message.contains(&there), "{message}");
}
