//! Fields that affect the image: platforms, compression, tags, push.

use serde_json::{Value, json};

use super::image::Image;
use crate::support::net::unique;
use crate::support::plugin::{expect_phase, output};
use crate::support::registry::Registry;
use crate::support::shop::{Shop, template};

const COPY: &str = "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY main.txt /\n";

#[tokio::test]
async fn two_platforms_make_an_index_of_both() {
    let shop = Shop::open(COPY).await;
    let node = shop.built(json!({"platforms": ["linux/amd64", "linux/aarch64"]})).await;
    let index = shop.pushed(&node).await;
    let entries = index.manifest["manifests"].as_array().unwrap();
    let platforms: Vec<_> = entries.iter().map(|entry| entry["platform"].clone()).collect();
    let platform = |architecture: &str| json!({"os": "linux", "architecture": architecture});
    assert_eq!(platforms, [platform("amd64"), platform("arm64")]);
    for architecture in ["amd64", "arm64"] {
        let image = index.platform(architecture).await;
        let config = image.config().await;
        assert_eq!(
            (&config["architecture"], &config["config"]["Labels"]["arch"]),
            (&json!(architecture), &json!(architecture))
        );
        assert_eq!(image.file("main.txt").await, "hello");
    }
    for tag in ["1", "latest"] {
        assert_eq!(shop.digest(tag).await.unwrap(), output(&node, "digest"));
    }
    let one = shop.image_of(json!({"platforms": "linux/arm64"})).await;
    assert_eq!(one.config().await["architecture"], "arm64");
}

#[tokio::test]
async fn layers_are_compressed_as_the_step_says() {
    let shop = Shop::open("FROM scratch\n").await;
    let rows: [(Value, &str); 6] = [
        (json!(null), "tar+gzip"),
        (json!("zstd"), "tar+zstd"),
        (json!({"type": "zstd", "level": 22, "force": true}), "tar+zstd"),
        (json!("uncompressed"), "tar"),
        (json!("estargz"), "tar+gzip"),
        (json!({"type": "gzip", "level": "9", "force": "true"}), "tar+gzip"),
    ];
    for (number, (compression, expected)) in rows.into_iter().enumerate() {
        // A new layer, because an existing layer keeps its compression unless `force` is set.
        let dockerfile = shop.based(&format!("FROM BASE\nCOPY main.txt /{number}-{}\n", shop.owner));
        let image = shop.image_of(json!({"dockerfile-inline": dockerfile, "compression": compression})).await;
        let layers = image.compressions();
        let (own, base) = layers.split_last().unwrap();
        assert_eq!(*own, expected, "{compression}");
        let base_is = if compression["force"] == true { expected } else { "tar+gzip" };
        assert!(base.iter().all(|layer| *layer == base_is), "{compression}: {layers:?}");
        let stargz = image.manifest.to_string().contains("containerd.io/snapshot/stargz/toc.digest");
        assert_eq!(stargz, compression == "estargz", "{}", image.manifest);
    }
}

#[tokio::test]
async fn tags_go_to_all_their_registries_in_one_push() {
    let shop = Shop::open(COPY).await;
    // BuildKit uses plain http for 127.0.0.1 by default, but not for this address.
    let open = Registry::start();
    let port = open.host().rsplit_once(':').unwrap().1;
    let elsewhere = format!("0.0.0.0:{port}/mirror/{}", unique("api"));
    let here = |tag: &str| format!("{}:{tag}", shop.image());
    let tags = json!([here("a"), here("b"), {"ref": format!("{elsewhere}:c"), "insecure": true}, {"ref": elsewhere, "insecure": "true"}]);
    let node = shop.built(json!({"tags": tags})).await;
    let digest = output(&node, "digest");
    assert_eq!(output(&node, "image"), format!("{}@{digest}", shop.image()));
    let listed = json!([here("a"), here("b"), format!("{elsewhere}:c"), format!("{elsewhere}:latest")]);
    assert_eq!(serde_json::from_str::<Value>(&output(&node, "tags")).unwrap(), listed);
    for tag in ["a", "b"] {
        assert_eq!(shop.digest(tag).await.as_ref(), Some(&digest));
    }
    assert_eq!(shop.digest("latest").await, None, "no tag that was not asked for");
    for version in [":c".to_owned(), ":latest".to_owned(), format!("@{digest}")] {
        let image = Image::pull(&format!("{elsewhere}{version}"), None).await;
        assert_eq!(image.file("main.txt").await, "hello");
    }
}

#[tokio::test]
async fn without_push_nothing_is_in_the_registry() {
    let shop = Shop::open(COPY).await;
    for fields in [json!({"push": false}), json!({"push": "false", "tags": null, "registry-secret": null})] {
        let node = shop.built(fields).await;
        assert!(output(&node, "digest").starts_with("sha256:"));
        assert!(node["message"].as_str().unwrap().starts_with("built "), "{}", node["message"]);
    }
    for tag in ["1", "latest"] {
        assert_eq!(shop.digest(tag).await, None);
    }
    let node = shop.plugin.node(&template(shop.build(json!({"tags": null})))).await;
    expect_phase(&node, "Failed");
}
