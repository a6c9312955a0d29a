//! The examples of docs/registry.md about tags run as they stand, except for the hosts.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::images::Repository;
use crate::support::net::unique;
use crate::support::plugin::{Setup, output, tree};
use crate::support::shared::{World, shared_registry};

const DOCS: &str = include_str!("../../../docs/registry.md");
const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");

fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    DOCS.split(&fence).skip(1).filter_map(|block| block.split("```").next()).collect()
}

#[tokio::test]
async fn the_newest_version_is_deployed_and_a_missing_image_is_noticed() {
    let world = World::shared().await;
    let gitea = world.gitea;
    let owner = gitea.user("tags").await;
    let token = gitea.token(&owner, &["write:repository", "write:package"]).await;
    let plugin = Setup::new(world.buildkitd.address()).start();
    plugin.put("gitea-credentials", "username", &owner);
    plugin.put("gitea-credentials", "password", &token);
    plugin.put("registry-credentials", ".dockerconfigjson", &gitea.docker_config_json(&owner, &token));
    let gitops = gitea.repo(&owner, "gitops").await;
    let files = tree(&[("charts/api/values.yaml", "image: shop/api:old\n")]);
    gitops.push_directory(files.path(), "main", "lay out").await;
    let image = format!("{}/{owner}/api", gitea.host());
    let repository = Repository::new(gitea.host(), &format!("{owner}/api")).with_user(&owner, &token);
    for (tag, day) in [("1.4.0", 1), ("1.5.0", 2), ("2.0.0", 3)] {
        repository.dated(tag, &format!("2026-11-0{day}T10:00:00.5Z"), json!({})).await;
    }
    let examples: Vec<_> = blocks("yaml").into_iter().filter(|block| block.contains("tags:\n")).collect();
    let examples: Vec<_> = examples.into_iter().filter(|block| block.contains("plugin:")).collect();
    assert_eq!(examples.len(), 2);
    let mut nodes = Vec::new();
    for example in examples {
        let here = example
            .replace("https://gitea.example.com/ops/gitops.git", &gitops.url())
            .replace("gitea.example.com/shop/api", &image);
        let template: Value = serde_saphyr::from_str(&here).unwrap();
        let node = plugin.node(&template).await;
        assert_eq!(node["phase"], "Succeeded", "{}\n{here}", node["message"]);
        nodes.push(node);
    }
    assert_eq!(output(&nodes[1], "exists"), "true");
    let values = gitops.read("main", "charts/api/values.yaml").await.unwrap();
    assert!(values.contains(&format!("{image}:1.5.0@sha256:")), "{values}");
}

#[tokio::test]
async fn the_commands_print_tags() {
    let repository = Repository::new(shared_registry().host(), &format!("docs/{}", unique("api")));
    for (tag, day) in [("1.4.0", 1), ("1.5.0", 2)] {
        repository.dated(tag, &format!("2026-11-0{day}T10:00:00.5Z"), json!({})).await;
    }
    let lines = blocks("sh").into_iter().flat_map(str::lines);
    let lines: Vec<_> = lines.filter_map(|line| line.strip_prefix("argo-buildkit tags ")).collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        let here = line.replace("gitea.example.com/shop/api", &repository.name);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{BINARY} tags {here}")]).env("HOME", "/nonexistent");
        let printed = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&printed.stderr).into_owned();
        assert!(printed.status.success() && !printed.stdout.is_empty(), "{here}: {said}");
    }
}
