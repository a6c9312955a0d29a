//! Runs like in the agent's pod: uid 8737, a read-only root file system, no capability.

use crate::support::buildkitd::Buildkitd;
use crate::support::plugin::{Setup, expect_phase, output};
use crate::support::shared::World;
use crate::support::shop::{Shop, template};

#[tokio::test]
async fn the_main_job_runs_without_rights_and_without_a_writable_root() {
    let world = World::shared().await;
    let plain = |host: &str| format!("[registry.\"{host}\"]\nhttp = true\n");
    let daemon =
        Buildkitd::start_tcp(&format!("{}{}", plain(world.registry.host()), plain(world.gitea.host())));
    let plugin = Setup::new(daemon.address()).confined().start();
    let shop = Shop::with(plugin, "FROM BASE\nRUN echo confined\n").await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", shop.plugin.pid())).unwrap();
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert!(field("Uid:").starts_with("8737"), "{status}");
    assert_eq!((field("CapEff:"), field("CapBnd:")), ("0".repeat(16), "0".repeat(16)));
    let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", shop.plugin.pid())).unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(root.split(' ').nth(5).unwrap().starts_with("ro"), "{root}");

    let node = shop.plugin.node(&template(shop.steps())).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(shop.gitops.head("main").await, output(&node, "commit"));
}
