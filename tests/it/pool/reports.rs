//! `cache` is about every daemon.

use std::process::Command;

use serde_json::{Value, json};

use super::{engine, host, pair};
use crate::support;
use crate::support::shared::World;

fn list(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn sum(list: &[Value]) -> u64 {
    list.iter().map(|one| one["size"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn the_cache_of_each_daemon_is_warmed_counted_and_pruned() {
    let mut daemons = pair().await;
    let world = World::shared().await;
    let engine = engine(&host(&daemons));
    let cache = async |fields: Value| {
        support::engine::run(&engine, "builds", &json!({"cache": fields})).await.unwrap().outputs
    };
    let warmed = list(&cache(json!({"warm": {"images": [world.busybox]}})).await["images"]);
    let names: Vec<_> = warmed.iter().map(|image| image["buildkitd"].as_str().unwrap()).collect();
    assert!(names.len() == 2 && names[0] != names[1], "{warmed:?}");
    assert!(warmed.iter().all(|image| image["warm"] == false), "{warmed:?}");
    let again = list(&cache(json!({"warm": {"images": [world.busybox]}})).await["images"]);
    assert!(again.len() == 2 && again.iter().all(|image| image["warm"] == true), "{again:?}");

    let usage = cache(json!({"usage": {"scope": "daemon"}})).await;
    let each = list(&usage["buildkitds"]);
    assert!(each.len() == 2 && each.iter().all(|one| one["size"].as_u64() > Some(100_000)), "{each:?}");
    assert_eq!(sum(&each), usage["size"].parse::<u64>().unwrap());

    let mut command = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
    command.args(["cache", "usage"]).env("BUILDKIT_HOST", host(&daemons)).env("HOME", "/nonexistent");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let rows = table.split_once("\nBUILDKITD\tSIZE\tRECORDS\tRECLAIMABLE\n").unwrap().1;
    assert!(rows.lines().count() == 2 && rows.contains(daemons[0].address()), "{table}");

    let pruned = cache(json!({"prune": {"scope": "daemon", "all": true}})).await;
    let each = list(&pruned["buildkitds"]);
    assert!(each.len() == 2 && each.iter().all(|one| one["size"].as_u64() > Some(100_000)), "{each:?}");
    assert_eq!(sum(&each), pruned["size"].parse::<u64>().unwrap());

    daemons[0].kill();
    let usage = cache(json!({"usage": {"scope": "daemon"}})).await;
    let each = list(&usage["buildkitds"]);
    assert!(each.len() == 2 && each.iter().filter(|one| one["error"].is_string()).count() == 1, "{each:?}");
    let warnings = list(&usage["warnings"]);
    assert!(warnings[0].as_str().unwrap().contains("is not counted: cannot reach buildkitd"), "{warnings:?}");
}
