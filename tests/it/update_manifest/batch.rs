//! Steps of one process that write to one branch share commits.

use futures_util::future::join_all;
use serde_json::json;

use super::{node, shop};
use crate::support::plugin::{expect_phase, output};

#[tokio::test]
async fn steps_at_the_same_time_land_together_and_are_all_named() {
    let shop = shop().await;
    let files: Vec<String> = (0..12).map(|n| format!("apps/{n}/values.yaml")).collect();
    let contents: Vec<_> = files.iter().map(|file| (file.as_str(), "image:\n  tag: old\n")).collect();
    let laid_out = crate::support::plugin::tree(&contents);
    shop.gitops.push_directory(laid_out.path(), "main", "lay out").await;
    // One of them fails alone.
    let step = |n: usize, file: &str| {
        let path = if n == 5 { "image.tga" } else { "image.tag" };
        let targets = json!([{"file": file, "helm": {path: format!("v{n}")}}]);
        shop.update(json!({}), json!({"targets": targets, "message": format!("app {n}")}))
    };
    let nodes = join_all(files.iter().enumerate().map(|(n, file)| node(&shop, step(n, file)))).await;
    for (n, ended) in nodes.iter().enumerate() {
        expect_phase(ended, if n == 5 { "Failed" } else { "Succeeded" });
    }
    for (n, file) in files.iter().enumerate().filter(|(n, _)| *n != 5) {
        let values = shop.gitops.read("main", file).await.unwrap();
        assert_eq!(values, format!("image:\n  tag: v{n}\n"));
        let message = shop.gitops.message(&output(&nodes[n], "commit")).await;
        assert!(message.contains(&format!("app {n}")), "{message}");
        assert!(message.contains(&format!("Manifest: {file} helm:image.tag")), "{message}");
        assert!(output(&nodes[n], "diff").contains(file), "its own diff");
        assert_eq!(output(&nodes[n], "diff").matches("+++").count(), 1, "and only its own");
    }
    let commits = shop.gitops.commits("main").await.len() - 1;
    assert!(commits < 11, "{commits} commits for 11 steps");
}
