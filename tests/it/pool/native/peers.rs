//! Other programs read the index of a divided build.

use std::process::Command;
use std::slice;

use serde_json::{Value, json};

use super::{fields, natives, read, repository, shop};
use crate::support::bin::{system, testbed};

#[tokio::test]
#[ignore = "needs crane and skopeo: make test-peers"]
async fn crane_and_skopeo_find_each_platform() {
    let daemons = natives().await;
    let shop = shop(&daemons, "FROM scratch\nCOPY main.txt /\n").await;
    let image = format!("{}:1", repository(&shop).name);
    let mut build = fields(slice::from_ref(&image));
    build["attest"] = json!("min");
    shop.built(build).await;

    let mut crane = Command::new(testbed("crane"));
    crane.args(["config", "--insecure", "--platform", "linux/arm64", image.as_str()]);
    let config: Value = serde_json::from_str(&read(crane)).unwrap();
    assert_eq!(config["architecture"], "arm64");

    let mut skopeo = Command::new(system("skopeo", "skopeo"));
    skopeo.args(["--override-arch", "s390x", "inspect", "--no-tags", "--tls-verify=false"]);
    skopeo.arg(format!("docker://{image}"));
    let inspected: Value = serde_json::from_str(&read(skopeo)).unwrap();
    assert_eq!(inspected["Architecture"], "s390x");
}
