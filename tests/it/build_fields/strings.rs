//! Argo substitutes strings only, so a string may contain a bool, a number, a list or a map.

use base64::Engine as _;
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

/// Values of several lines: a certificate in a build argument, and a label, as `docker buildx build` accepts them.
#[tokio::test]
async fn values_of_several_lines_arrive_byte_for_byte() {
    let shop = Shop::open(
        "FROM BASE AS build\nARG PEM\nRUN printf %s \"$PEM\" >/pem\nFROM scratch\nCOPY --from=build /pem /\n",
    )
    .await;
    let text = "-----BEGIN CERTIFICATE-----\r\nMIIB+a/=\n\n\t-----END CERTIFICATE-----";
    let fields = json!({"build-args": {"PEM": text}, "labels": {"notes": text}, "annotations": {"org.example/notes": text}});
    let image = shop.image_of(fields).await;
    assert_eq!(image.file("pem").await, text);
    assert_eq!(image.config().await["config"]["Labels"]["notes"], text);
    assert_eq!(image.manifest["annotations"]["org.example/notes"], text);
}

/// A Secret need not be text, for example a Java keystore or a DER certificate.
#[tokio::test]
async fn a_secret_of_any_bytes_arrives_byte_for_byte_and_in_no_log() {
    let shop = Shop::open(
        "FROM BASE AS build\nRUN --mount=type=secret,id=s base64 -w0 /run/secrets/s; hexdump -v -e '1/1 \"%02x\"' /run/secrets/s >/hex\n\
         FROM scratch\nCOPY --from=build /hex /\n",
    )
    .await;
    let keystore: Vec<u8> = (0..=255).rev().cycle().take(700).collect();
    let directory = shop.plugin.secrets().join("keystore");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("jks"), &keystore).unwrap();
    let secrets = json!([{"id": "s", "secret": {"name": "keystore", "key": "jks"}}]);
    let node = shop.built(json!({"secrets": secrets})).await;
    assert_eq!(shop.pushed(&node).await.file("hex").await, hex::encode(&keystore));
    let printed = base64::engine::general_purpose::STANDARD.encode(&keystore);
    let log = output(&node, "log-tail");
    assert!(log.contains("***") && !log.contains(&printed[..24]), "{log}");
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
