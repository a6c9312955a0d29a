//! Builds whose daemon, or whose sidecar, is lost.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{GATED, Services, builds, engine, host, pair, says};
use crate::lifecycle::{httpd, successor};
use crate::support::bin::{signal, wait_for};
use crate::support::buildkitd::Buildkitd;
use crate::support::net::{PATIENCE, free_port};
use crate::support::plugin::{Setup, Workflow, expect_phase, output};
use crate::support::shop::{Shop, template};

#[tokio::test]
async fn a_build_whose_daemon_is_killed_ends_on_the_other() {
    let mut daemons = pair().await;
    let port = free_port();
    let dockerfile = GATED.replace("GATE", &format!("127.0.0.1:{port}"));
    let shop = Shop::with(Setup::new(&host(&daemons)).start(), &dockerfile).await;
    let (workflow, step) = (Workflow::new(), template(shop.build(json!({}))));
    shop.plugin.until(&workflow, &step, says("[2/2] RUN")).await;
    let runs = |daemon: &Buildkitd| !daemon.steps().is_empty();
    let home = wait_for("the RUN to begin", PATIENCE, || daemons.iter().position(runs));
    daemons[home].kill();
    let gate = tempfile::tempdir().unwrap();
    let _gate = httpd(port, gate.path());
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(shop.digest("1").await.unwrap(), output(&node, "digest"));
    assert_eq!(builds(&daemons[1 - home..2 - home], &shop.image()), [1]);

    // The next sidecar finds it there, although its own daemon is back.
    daemons[home].restart();
    shop.plugin.kill();
    let next = successor(&shop, &host(&daemons));
    let again = next.drive(&workflow, &step).await;
    assert_eq!(output(&again, "digest"), output(&node, "digest"));
    assert_eq!(builds(&daemons[1 - home..2 - home], &shop.image()), [1]);
}

#[tokio::test]
async fn a_daemon_that_is_told_to_go_finishes_its_build_and_gets_no_other() {
    let daemons = pair().await;
    let port = free_port();
    let dockerfile = GATED.replace("GATE", &format!("127.0.0.1:{port}"));
    let shop = Shop::with(Setup::new(&host(&daemons)).start(), &dockerfile).await;
    let (first, second) = (Workflow::new(), Workflow::new());
    // Both end at the same time, and Gitea refuses one of two pushes of a tag at the same time.
    let step = template(shop.build(json!({"push": false})));
    shop.plugin.until(&first, &step, says("[2/2] RUN")).await;
    let runs = |daemon: &Buildkitd| !daemon.steps().is_empty();
    let home = wait_for("the RUN to begin", PATIENCE, || daemons.iter().position(runs));
    signal(daemons[home].pid(), "TERM");
    shop.plugin.until(&second, &step, says("[2/2] RUN")).await;
    wait_for("the other daemon to build", PATIENCE, || runs(&daemons[1 - home]).then_some(()));
    let gate = tempfile::tempdir().unwrap();
    let _gate = httpd(port, gate.path());
    for workflow in [first, second] {
        expect_phase(&shop.plugin.drive(&workflow, &step).await, "Succeeded");
    }
}

#[tokio::test]
async fn a_new_sidecar_finds_a_build_on_whichever_daemon_has_it() {
    let daemons = pair().await;
    let dockerfile = "FROM BASE\nRUN cat /proc/sys/kernel/random/uuid > /once\n";
    let shop = Shop::with(Setup::new(daemons[0].address()).start(), dockerfile).await;
    for daemon in &daemons {
        let alone = successor(&shop, daemon.address());
        let (workflow, step) = (Workflow::new(), template(shop.build(json!({}))));
        let first = alone.drive(&workflow, &step).await;
        expect_phase(&first, "Succeeded");
        alone.kill();
        let before = builds(&daemons, "");
        let next = successor(&shop, &host(&daemons));
        let again = next.drive(&workflow, &step).await;
        assert_eq!(output(&again, "digest"), output(&first, "digest"));
        assert_eq!(builds(&daemons, ""), before, "no build was started");
    }
}

#[tokio::test]
async fn a_silent_daemon_is_left_out_within_a_minute() {
    let daemons = pair().await;
    let services = Services::start(1);
    let engine = engine(&host(&daemons));
    services.build(&engine, 0).await;
    let home = usize::from(builds(&daemons, &Services::image(0)) == [0, 1]);
    signal(daemons[home].pid(), "STOP");
    let begun = Instant::now();
    services.build(&engine, 0).await;
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    // The next one knows it.
    let begun = Instant::now();
    services.build(&engine, 0).await;
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert_eq!(builds(&daemons[1 - home..2 - home], &Services::image(0)), [2]);
    signal(daemons[home].pid(), "CONT");
}
