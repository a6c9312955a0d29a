//! Daemons that have as many builds as they may have.

use serde_json::json;

use super::{GATED, builds, host, pair, says};
use crate::lifecycle::httpd;
use crate::support::net::free_port;
use crate::support::plugin::{Setup, Workflow, expect_phase};
use crate::support::shop::{Shop, template};

#[tokio::test]
async fn builds_spill_to_the_other_daemon_and_then_wait() {
    let daemons = pair().await;
    let port = free_port();
    let dockerfile = GATED.replace("GATE", &format!("127.0.0.1:{port}"));
    let setup = Setup::new(&host(&daemons)).arg("--max-builds-per-buildkitd", "1");
    let shop = Shop::with(setup.start(), &dockerfile).await;
    // Nothing is pushed: Gitea refuses one of two equal images that arrive at the same moment.
    let step = template(shop.build(json!({"push": false})));
    let workflows = [(); 3].map(|()| Workflow::new());
    for workflow in &workflows[..2] {
        shop.plugin.until(workflow, &step, says("[2/2] RUN")).await;
    }
    let waits = shop.plugin.until(&workflows[2], &step, says("waiting for ")).await;
    let message = waits["message"].as_str().unwrap();
    assert!(daemons.iter().any(|daemon| message.contains(daemon.address())), "{message}");
    assert!(message.contains(", 0 before you"), "{message}");
    let gate = tempfile::tempdir().unwrap();
    let _gate = httpd(port, gate.path());
    for workflow in &workflows {
        expect_phase(&shop.plugin.drive(workflow, &step).await, "Succeeded");
    }
    let mut builds = builds(&daemons, &shop.image());
    builds.sort_unstable();
    assert_eq!(builds, [1, 2]);
}
