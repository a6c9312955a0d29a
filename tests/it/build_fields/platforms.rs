//! Images and programs that do not exist for a platform.

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

/// The program is a text, which the kernel refuses as it does one for another processor.
#[tokio::test]
async fn who_runs_a_program_of_a_platform_that_buildkitd_has_not_is_told_those_that_there_are() {
    let shop = Shop::open("FROM scratch\nCOPY --chmod=755 main.txt /main\nRUN [\"/main\"]\n").await;
    let node = shop.plugin.node(&template(shop.build(json!({"platforms": "linux/riscv64"})))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains("no buildkitd is for linux/riscv64"), "{message}");
    let (_, there) = message.split_once("the platforms that there are: ").unwrap();
    assert!(there.contains("linux/amd64") && !there.contains("riscv64"), "{message}");
}
