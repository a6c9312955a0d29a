//! A step whose time is over while the daemon does not answer, and a sidecar that was not told to prune.

use serde_json::{Value, json};

use super::Site;
use crate::support::bin::signal;
use crate::support::plugin::Setup;

fn prune(timeout: &str) -> Value {
    let prune = json!({"scope": "daemon", "all": true});
    json!({"name": "prune", "timeout": timeout, "plugin": {"buildkit": {"cache": {"prune": prune}}}})
}

#[tokio::test]
async fn a_prune_ends_with_its_timeout() {
    let site = Site::start().await;
    let plugin = Setup::new(site.daemon.address()).env("ARGO_BUILDKIT_ALLOW_DAEMON_CACHE", "true").start();
    signal(site.daemon.pid(), "STOP");
    let node = plugin.node(&prune("3s")).await;
    signal(site.daemon.pid(), "CONT");
    let message = node["message"].as_str().unwrap();
    assert!(
        message.contains("took longer than its timeout of 3.0 s, during: waiting for buildkitd to prune"),
        "{node}"
    );
    let node = plugin.node(&prune("2m")).await;
    assert_eq!(node["phase"], "Succeeded", "{node}");
}

#[tokio::test]
async fn a_sidecar_prunes_only_if_its_operator_allows_it() {
    let plugin = Setup::new("tcp://127.0.0.1:1").start();
    let node = plugin.node(&prune("2m")).await;
    assert_eq!(node["phase"], "Failed", "{node}");
    assert!(node["message"].as_str().unwrap().contains("`--allow-daemon-cache`"), "{node}");
}
