//! `update-manifest` over the wire, on a real Gitea.

mod batch;
mod commit;
mod dry_run;
mod order;
mod pull_request;
mod targets;
mod via_api;

use serde_json::{Value, json};

use crate::support::plugin::Workflow;
use crate::support::shop::{Shop, template};

/// A shop for updates only: nothing in it is built.
async fn shop() -> Shop {
    Shop::open("FROM scratch\n").await
}

/// An update of the chart's tag, with `more` fields set.
fn tag(shop: &Shop, tag: &str, more: Value) -> Value {
    shop.update(json!({"image.tag": tag}), more)
}

/// The node that `step` ends as.
async fn node(shop: &Shop, step: Value) -> Value {
    shop.plugin.drive(&Workflow::new(), &template(step)).await
}

/// The chart's tag on `branch`.
async fn tag_on(shop: &Shop, branch: &str) -> String {
    let values = shop.gitops.read(branch, "chart/values.yaml").await.unwrap();
    let line = values.lines().find(|line| line.trim_start().starts_with("tag:")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}
