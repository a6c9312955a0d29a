//! Argo substitutes strings only: they hold bools, numbers, lists and maps.

use serde_json::{Value, json};

use crate::support::plugin::output;
use crate::support::shop::Shop;

#[tokio::test]
async fn strings_that_hold_values_do_what_the_values_do() {
    let shop = Shop::open("FROM BASE AS build\nRUN cat /etc/hosts >/hosts\nARG A=none\nRUN --mount=type=secret,id=s cat /run/secrets/s | wc -c >/length\n\
        FROM scratch\nARG A=none\nLABEL a=$A\nCOPY --from=build /hosts /length /\n").await;
    shop.plugin.put("small", "key", "123");
    let secrets = json!([{"id": "s", "secret": {"name": "small", "key": "key"}}]);
    let fields = json!({
        "push": "true",
        "tags": format!("{0}:x,{0}:y", shop.image()),
        "platforms": "[\"linux/amd64\"]",
        "build-args": json!({"A": "from, a \"string\""}).to_string(),
        "labels": json!({"l": "7"}).to_string(),
        "annotations": json!({"n": "8"}).to_string(),
        "extra-hosts": json!(["db.example=10.1.2.3"]).to_string(),
        "secrets": secrets.to_string(),
        "no-cache": "false",
        "compression": json!({"type": "gzip", "level": "3", "force": "true"}).to_string(),
        "cache": {"inline": "true", "from": "", "to": {"ref": ""}},
        "target": "",
        "dockerfile": "",
        "network": "",
    });
    let node = shop.built(fields).await;
    for tag in ["x", "y"] {
        assert_eq!(shop.digest(tag).await, Some(output(&node, "digest")));
    }
    let image = shop.pushed(&node).await;
    let config = image.config().await;
    assert_eq!(config["config"]["Labels"], json!({"a": "from, a \"string\"", "l": "7"}));
    assert_eq!(config["architecture"], "amd64");
    assert!(config.get("moby.buildkit.cache.v0").is_some(), "inline cache: {config}");
    assert_eq!(image.manifest["annotations"], json!({"n": "8"}));
    assert!(image.file("hosts").await.contains("10.1.2.3"));
    assert_eq!(image.file("length").await, "3");
}

#[tokio::test]
async fn a_whole_step_may_come_as_argo_substitutes_it() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let context =
        json!({"repo": shop.service.url(), "revision": "main", "submodules": "true", "secret": "git"});
    for value in [context.clone(), Value::String(context.to_string())] {
        let image = shop.image_of(json!({"context": value, "registry-secret": "registry"})).await;
        assert_eq!(image.file("main.txt").await, "hello");
    }
}
