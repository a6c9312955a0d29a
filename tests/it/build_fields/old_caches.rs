//! Caches of branches that ended go by their age, and the default branch's stays.

use serde_json::{Value, json};

use super::branch_cache::{built, dockerfile, tags};
use super::cache::Own;
use crate::support::images::{INDEX, MANIFEST, Repository};
use crate::support::net::unique;
use crate::support::plugin::{expect_phase, output};
use crate::support::shop::template;

const EXAMPLE: &str = include_str!("../../../examples/cache-cleanup.yaml");
const CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";

/// Lets each step in `value` have run at `time`.
fn date(value: &mut Value, time: &str) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match key.as_str() {
                    "createdAt" => *value = json!(time),
                    _ => date(value, time),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| date(item, time)),
        _ => {}
    }
}

/// Writes the cache `tag` again as if its steps had run 90 days ago; with `index` in the form that was buildkitd's default until v0.20.
async fn age(repository: &Repository, tag: &str, index: bool) {
    let mut manifest: Value = serde_json::from_slice(&repository.read(tag).await.unwrap()).unwrap();
    assert_eq!(manifest["config"]["mediaType"], CONFIG);
    let config = repository.content(manifest["config"]["digest"].as_str().unwrap()).await;
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    assert!(config.to_string().contains("createdAt"), "{config}");
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * 90);
    date(&mut config, &then.to_string());
    manifest["config"] = repository.blob(config.to_string().into_bytes(), CONFIG).await;
    if index {
        let mut entries = manifest["layers"].as_array().unwrap().clone();
        entries.push(manifest["config"].take());
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        repository.manifest(tag, INDEX, &index).await;
        return;
    }
    repository.manifest(tag, MANIFEST, &manifest).await;
}

/// The rules of the example, as fields of `delete`.
fn rules() -> Value {
    let cron: Value = serde_saphyr::from_str(EXAMPLE).unwrap();
    let parameters = cron["spec"]["workflowSpec"]["arguments"]["parameters"].as_array().unwrap();
    let rules = ["keep", "older-than", "keep-matching"];
    let named = |parameter: &&Value| rules.contains(&parameter["name"].as_str().unwrap());
    let fields = parameters.iter().filter(named);
    let fields: serde_json::Map<_, _> = fields
        .map(|parameter| (parameter["name"].as_str().unwrap().to_owned(), parameter["value"].clone()))
        .collect();
    assert_eq!(fields.len(), rules.len());
    Value::Object(fields)
}

fn sorted(node: &Value, name: &str) -> Vec<String> {
    let mut tags: Vec<String> = serde_json::from_str(&output(node, name)).unwrap();
    tags.sort();
    tags
}

#[tokio::test]
async fn the_cache_of_a_branch_that_ended_goes_and_that_of_the_default_branch_stays() {
    let own = Own::open_with(&dockerfile()).await;
    let (shop, cache) = (&own.shop, own.cache());
    let by_branch = json!({"from": cache, "to": {"ref": cache, "mode": "max", "when": "branch"}});
    let first = built(shop, "main", by_branch.clone()).await;
    for branch in ["ended", "earlier", "young"] {
        shop.service.branch(branch, "main").await;
        let text = format!("FROM {}\nRUN echo {} >/own\n", shop.world.busybox, unique(branch));
        shop.service.commit_file(branch, "Dockerfile", &text, "change").await;
        assert_eq!(output(&built(shop, branch, by_branch.clone()).await, "cache"), "exported", "{branch}");
    }
    let (host, name) = cache.split_once('/').unwrap();
    let repository = Repository::new(host, name);
    for (tag, index) in [("main", false), ("ended", false), ("earlier", true)] {
        age(&repository, tag, index).await;
    }
    // As a build of several platforms names it.
    let of_platform = serde_json::from_slice(&repository.read("main").await.unwrap()).unwrap();
    repository.manifest("main..linux-arm64", MANIFEST, &of_platform).await;
    let clean = async |dry_run: bool| {
        let mut delete = rules();
        delete["dry-run"] = json!(dry_run);
        let node = shop.plugin.node(&template(json!({"tags": {"image": cache, "delete": delete}}))).await;
        expect_phase(&node, "Succeeded");
        node
    };
    let planned = clean(true).await;
    assert_eq!(sorted(&planned, "planned"), ["earlier", "ended"], "{planned}");
    for why in [
        "keep main: it matches `keep-matching`",
        "keep main..linux-arm64: it matches `keep-matching`",
        "keep young: it is ",
    ] {
        assert!(output(&planned, "plan").contains(why), "{planned}");
    }
    assert_eq!(sorted(&clean(false).await, "deleted"), ["earlier", "ended"]);
    assert_eq!(tags(&cache).await, ["main", "main..linux-arm64", "young"]);

    own.prune();
    let again = built(shop, "main", by_branch.clone()).await;
    assert_eq!(output(&again, "digest"), output(&first, "digest"), "the old cache is of use");
    assert_eq!((output(&again, "cached-steps").as_str(), output(&again, "cache-miss").as_str()), ("1", ""));
    // A branch that was not over after all begins with the default branch's cache, and has one of its own again.
    let back = built(shop, "ended", by_branch).await;
    assert_eq!((output(&back, "cache").as_str(), output(&back, "warnings").as_str()), ("exported", "[]"));
}
