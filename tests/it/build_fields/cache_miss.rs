//! Why a step was not cached.

use serde_json::{Value, json};

use super::cache::Own;
use crate::support::net::unique;
use crate::support::plugin::output;

/// The text is in no other test's cache.
fn dockerfile() -> String {
    let unique = unique("miss");
    format!("FROM BASE AS build\nARG VERSION\nCOPY main.txt /\nRUN : {unique} && date >/date\nCOPY . /all/\n")
}

fn told(node: &Value) -> String {
    output(node, "cache-miss")
}

#[tokio::test]
async fn the_first_step_that_ran_is_explained() {
    let own = Own::open_with(&dockerfile()).await;
    let shop = &own.shop;
    assert_eq!(told(&shop.built(json!({})).await), "", "there is no earlier build");
    assert_eq!(told(&shop.built(json!({})).await), "", "all is cached");

    shop.service.commit_file("main", "other.txt", "more", "add a file").await;
    let since = |sha: &str| format!("(compared with the build of {})", &sha[..12]);
    let copied = told(&shop.built(json!({})).await);
    assert!(copied.contains("COPY . /all/` ran, since these files changed: other.txt"), "{copied}");
    assert!(copied.ends_with(&since(&shop.sha)), "{copied}");

    let head = shop.service.commit_file("main", "main.txt", "changed", "change a file").await;
    let copied = told(&shop.built(json!({})).await);
    assert!(copied.contains("COPY main.txt /` ran, since these files changed: main.txt"), "{copied}");

    let run = told(&shop.built(json!({"build-args": {"VERSION": "hunter2-is-not-told"}})).await);
    assert!(run.contains("RUN : ") && run.contains("since these build arguments changed: VERSION"), "{run}");
    assert!(run.ends_with(&since(&head)) && !run.contains("hunter2"), "{run}");
    shop.built(json!({})).await;

    own.prune();
    let gone = told(&shop.built(json!({})).await);
    assert!(gone.contains("COPY main.txt /` ran, since buildkitd no longer has its result"), "{gone}");

    let other = dockerfile().replace("BASE", &shop.world.busybox).replace("date >/date", "echo 1 >/date");
    shop.service.commit_file("main", "Dockerfile", &other, "another command").await;
    let changed = told(&shop.built(json!({})).await);
    assert!(
        changed.contains("RUN : ") && changed.contains("since the Dockerfile, or a value in it"),
        "{changed}"
    );
    assert_eq!(told(&shop.built(json!({"no-cache": true})).await), "");
}

#[tokio::test]
async fn a_base_image_that_moved_is_named() {
    let own = Own::open_with(&dockerfile()).await;
    let shop = &own.shop;
    let base = format!("{}/base:1", shop.image());
    let inline = format!("FROM {base}\nRUN : {} && date >/date\n", unique("moved"));
    for text in ["one", "two"] {
        let of_base = format!("FROM {}\nRUN echo {text} >/base\n", shop.world.busybox);
        shop.built(json!({"dockerfile-inline": of_base, "tags": [base]})).await;
        let node = shop.built(json!({"dockerfile-inline": inline})).await;
        match text {
            "one" => assert_eq!(told(&node), ""),
            _ => assert!(told(&node).contains(&format!("its base image {base} is sha256:")), "{node}"),
        }
    }
}

/// The cache would have had the result.
#[tokio::test]
async fn a_cache_of_a_branch_that_is_not_there_is_named() {
    let own = Own::open_with(&dockerfile()).await;
    let (shop, cache) = (&own.shop, own.cache());
    let fields = json!({"cache": {"from": cache, "to": {"ref": cache, "when": "branch"}}});
    shop.built(json!({})).await;
    own.prune();
    let gone = told(&shop.built(fields).await);
    assert!(gone.contains("no longer has its result"), "{gone}");
    assert!(gone.contains(&format!("; the cache {cache}:main is not there")), "{gone}");
}
