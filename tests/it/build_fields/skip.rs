//! `skip-if-exists`: an image of the same inputs is used again, and one of any other inputs is not.

use serde_json::{Value, json};

use super::image::Image;
use crate::support::images::Repository;
use crate::support::net::{client, unique};
use crate::support::plugin::output;
use crate::support::shop::{Shop, merge};

/// Each build that runs makes another file.
const MADE: &str = "FROM BASE\nARG WHO\nCOPY main.txt /\nRUN cat /proc/sys/kernel/random/uuid >/made\n";

fn fields(more: Value) -> Value {
    let mut fields = json!({"attest": "min", "skip-if-exists": true});
    merge(&mut fields, more);
    fields
}

/// Builds with `more` fields. Whether it was skipped, and the digest.
async fn run(shop: &Shop, more: Value) -> (bool, String) {
    let node = shop.built(fields(more)).await;
    (output(&node, "skipped") == "true", output(&node, "digest"))
}

#[tokio::test]
async fn the_same_inputs_are_built_once() {
    let shop = Shop::open(MADE).await;
    let first = shop.built(fields(json!({"attest": "max", "git-labels": true}))).await;
    assert_eq!(output(&first, "skipped"), "false");
    let again = shop.built(fields(json!({"attest": "max", "git-labels": true}))).await;
    assert_eq!(output(&again, "skipped"), "true");
    for same in ["digest", "image", "tags", "revision", "attestations"] {
        assert_eq!(output(&again, same), output(&first, same), "{same}");
    }
    for (name, value) in [("total-steps", "0"), ("cache", "none"), ("warnings", "[]"), ("log", "")] {
        assert_eq!(output(&again, name), value, "{name}");
    }
    assert!(again["message"].as_str().unwrap().starts_with("skipped: "), "{again}");
}

#[tokio::test]
async fn any_other_input_builds() {
    let shop = Shop::open(MADE).await;
    shop.plugin.put("npm", "key", "value");
    let (_, mut last) = run(&shop, json!({})).await;
    let secret = json!([{"id": "npm", "secret": {"name": "npm", "key": "key"}}]);
    for other in [
        json!({"build-args": {"WHO": "me"}}),
        json!({"labels": {"a": "b"}}),
        json!({"secrets": secret}),
        json!({"platforms": "linux/amd64"}),
        json!({"compression": "zstd"}),
        json!({"context": {"repo": shop.service.url(), "revision": "main", "secret": "git", "subdir": "sub"}, "dockerfile-inline": "FROM scratch\nCOPY Dockerfile /\n"}),
        json!({"attest": "max"}),
        json!({"contexts": {"more": format!("docker-image://{}", shop.world.busybox)}}),
        json!({"network": "none"}),
        json!({"cache": {"inline": true}}),
    ] {
        let (skipped, digest) = run(&shop, other.clone()).await;
        assert!(!skipped && digest != last, "{other}");
        last = digest;
    }
    shop.service.commit_file("main", "docs/a.md", "text", "Write").await;
    assert!(!run(&shop, json!({})).await.0, "another commit");
    assert!(run(&shop, json!({})).await.0);
}

/// A tag in `FROM` is an input too.
#[tokio::test]
async fn a_base_image_that_moved_builds() {
    let base = format!("{}/{}:1", Shop::open("FROM scratch\n").await.world.registry.host(), unique("base"));
    let shop = Shop::open(&format!("FROM {base}\nCOPY main.txt /\n")).await;
    let move_base = async |text: &str| {
        let dockerfile = format!("FROM scratch\nLABEL version={text}\nCOPY main.txt /\n");
        shop.built(json!({"dockerfile-inline": dockerfile, "tags": [base], "registry-secret": null})).await;
    };
    move_base("one").await;
    assert!(!run(&shop, json!({})).await.0);
    assert!(run(&shop, json!({})).await.0);
    move_base("two").await;
    assert!(!run(&shop, json!({})).await.0, "the base image moved");
    assert!(run(&shop, json!({})).await.0);
}

#[tokio::test]
async fn every_tag_must_name_the_image() {
    let shop = Shop::open(MADE).await;
    assert!(!run(&shop, json!({})).await.0);
    let tags = |names: [&str; 2]| json!({"tags": names.map(|name| format!("{}:{name}", shop.image()))});
    assert!(!run(&shop, tags(["1", "new"])).await.0, "one of them is missing");
    assert!(run(&shop, tags(["1", "new"])).await.0);
    assert!(!run(&shop, json!({})).await.0, "`1` has moved on, and `latest` has not");
}

/// What the Dockerfile says of itself is no proof: its author need not be one who may push.
#[tokio::test]
async fn a_label_of_the_dockerfile_is_no_marker() {
    let shop = Shop::open(MADE).await;
    let node = shop.built(fields(json!({}))).await;
    let index = shop.pushed(&node).await;
    let marker = index.manifest["annotations"]["argo-buildkit.inputs"].as_str().unwrap().to_owned();
    let forged = format!("FROM scratch\nLABEL argo-buildkit.inputs={marker}\nCOPY main.txt /\n");
    shop.built(json!({"dockerfile-inline": forged, "attest": "min"})).await;
    assert!(!run(&shop, json!({})).await.0);
}

/// A registry's garbage collection may take parts of an image whose tag stays.
#[tokio::test]
async fn an_image_that_the_registry_has_lost_a_part_of_is_built() {
    let shop = Shop::open(MADE).await;
    let repository = Repository::new(shop.world.registry.host(), &unique("lost"));
    let open = json!({"tags": [format!("{}:1", repository.name)], "registry-secret": null});
    let (_, digest) = run(&shop, open.clone()).await;
    assert!(run(&shop, open.clone()).await.0);
    let index = Image::pull(&format!("{}@{digest}", repository.name), None).await;
    let image = index.manifest["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let (host, name) = repository.name.split_once('/').unwrap();
    let url = format!("http://{host}/v2/{name}/manifests/{image}");
    assert!(client().delete(url).send().await.unwrap().status().is_success());
    assert!(!run(&shop, open).await.0);
}
