//! `check` with silent servers: each is named, and no other finding waits for it for ever.

use std::process::Output;

use super::{FOR_EVER, names};
use crate::support::black_hole::{BlackHole, Hole, Towards};
use crate::support::kube::{Identity, Kube};
use crate::support::shared::{World, shared_buildkitd};

async fn check(arguments: &[&str], kubeconfig: Option<&std::path::Path>) -> String {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
    command.env_clear().env("HOME", "/").env("BUILDKIT_HOST", shared_buildkitd().address());
    if let Some(path) = kubeconfig {
        command.env("KUBECONFIG", path);
    }
    let ended = tokio::time::timeout(FOR_EVER, command.arg("check").args(arguments).output()).await;
    let Output { stdout, .. } = ended.unwrap().unwrap();
    String::from_utf8(stdout).unwrap()
}

/// The line about `subject`.
fn about<'a>(report: &'a str, subject: &str) -> &'a str {
    report.lines().find(|line| line.contains(subject)).unwrap_or_else(|| panic!("{subject}:\n{report}"))
}

#[tokio::test]
async fn a_silent_api_server_keeps_nobody_from_looking_at_the_others() {
    let kube = Kube::shared().await;
    let world = World::shared().await;
    let image = format!("http://{}/silent-check:1", world.registry.host());
    for after in [0, 2000] {
        let relay = BlackHole::start(kube.host(), Some(Hole { towards: Towards::Client, after })).await;
        let kubeconfig = kube.kubeconfig_at(Identity::Admin, relay.host());
        let report = check(&["--image", &image], Some(&kubeconfig)).await;
        let line = about(&report, "Kubernetes API");
        assert!(line.starts_with("FAIL"), "{report}");
        names(line, &format!("the Kubernetes API at https://{}", relay.host()), "30 s");
        assert!(about(&report, "registry").starts_with("ok"), "{report}");
        assert!(about(&report, "buildkitd").starts_with("ok"), "{report}");
    }
}

#[tokio::test]
async fn a_silent_registry_is_told_beside_one_that_answers() {
    let world = World::shared().await;
    let hole = Hole { towards: Towards::Client, after: 0 };
    let relay = BlackHole::start(world.registry.host(), Some(hole)).await;
    let [silent, good] =
        [relay.host(), world.registry.host()].map(|host| format!("http://{host}/silent-check:1"));
    let report = check(&["--image", &silent, "--image", &good], None).await;
    let line = about(&report, relay.host());
    assert!(line.starts_with("FAIL"), "{report}");
    // https is tried before plain http, and its handshake has a limit.
    names(line, relay.host(), "10 s");
    assert!(about(&report, &format!("registry {}", world.registry.host())).starts_with("ok"), "{report}");
}
