//! What docs/install.md and docs/agent.md say of deploy/, and their commands that need no cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::agent::overlay_of_the_docs;
use super::{ROOT, Site, kustomize, object, overlay, parse, sidecar, succeeded};

const INSTALL: &str = include_str!("../../../docs/install.md");
const AGENT: &str = include_str!("../../../docs/agent.md");
const IMAGE: &str = "registry.example.com:5000/own/argo-buildkit:1.2.3";

/// The shell blocks of a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The objects of an overlay after the page's command has written `IMAGE` into it, twice.
fn with_image(page: &str, variable: &str, name: &str) -> Vec<Value> {
    let site = Site::new("");
    let directory = site.own().parent().unwrap().join(name);
    let commands = blocks(page).concat().replace("\\\n", " ");
    let command = commands.lines().find(|line| line.starts_with("argo-buildkit edit ")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_argo-buildkit")).parent().unwrap();
    let others = std::env::var_os("PATH").unwrap();
    let paths: Vec<PathBuf> =
        std::iter::once(binary.to_owned()).chain(std::env::split_paths(&others)).collect();
    for _ in 0..2 {
        let mut shell = Command::new("sh");
        shell.args(["-euc", command]).env("PATH", std::env::join_paths(&paths).unwrap());
        succeeded(shell.env(variable, &directory).env("IMAGE", IMAGE));
    }
    parse(&kustomize(&directory))
}

#[test]
fn the_image_is_written_into_the_overlays() {
    let objects = with_image(INSTALL, "OVERLAY", "production");
    assert_eq!(sidecar(&objects)["image"], IMAGE);
    let objects = with_image(AGENT, "AGENT_OVERLAY", "agent");
    let agent = object(&objects, "Deployment", "buildkit-agent");
    assert_eq!(agent["spec"]["template"]["spec"]["containers"][0]["image"], IMAGE);
}

#[test]
fn the_overlay_of_the_agent_is_the_one_of_its_page() {
    let kept = Path::new(ROOT).join("deploy/overlays/agent/kustomization.yaml");
    let kept = fs::read_to_string(kept).unwrap();
    let (comment, kustomization) = kept.split_once('\n').unwrap();
    assert!(comment.starts_with('#'), "{comment}");
    assert_eq!(kustomization, overlay_of_the_docs());
    assert_eq!(overlay("agent"), Site::new(overlay_of_the_docs()).objects());
}

/// A page may be pasted into any shell.
#[test]
fn the_commands_are_for_every_shell() {
    for page in [INSTALL, AGENT] {
        let script = tempfile::NamedTempFile::new().unwrap();
        fs::write(script.path(), blocks(page).concat()).unwrap();
        succeeded(Command::new("sh").arg("-n").arg(script.path()));
        for word in ["/dev/tcp", "[[", "<(", "<<<", "pipefail", "function ", "&>"] {
            assert!(blocks(page).iter().all(|block| !block.contains(word)), "`{word}` is bash's");
        }
    }
}

#[test]
fn the_page_says_how_much_room_production_takes() {
    let (_, table) = INSTALL.split_once("## What you need").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let objects = overlay("production");
    let volume = |name| object(&objects, "PersistentVolumeClaim", name)["spec"]["resources"].clone();
    let pod = |name| {
        object(&objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["resources"].clone()
    };
    let buildkitd = pod("buildkitd");
    for quantity in [
        &volume("buildkitd")["requests"]["storage"],
        &volume("cache-registry")["requests"]["storage"],
        &buildkitd["requests"]["memory"],
        &buildkitd["limits"]["memory"],
        &pod("cache-registry")["requests"]["memory"],
        &sidecar(&objects)["resources"]["requests"]["memory"],
    ] {
        let quantity = quantity.as_str().unwrap();
        assert!(table.contains(quantity), "{quantity}: {table}");
    }
    let processors = buildkitd["requests"]["cpu"].as_str().unwrap();
    assert!(table.contains(&format!("requests {processors} CPUs")), "{processors}: {table}");
}
