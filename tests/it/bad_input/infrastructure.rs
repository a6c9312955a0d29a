//! A buildkitd that is unavailable, restarts, or refuses us ends the node as `Error`, which Argo may retry.

use serde_json::json;

use super::steady;
use crate::support::buildkitd::{Buildkitd, ServerTls};
use crate::support::certificates::Authority;
use crate::support::net::{PATIENCE, until};
use crate::support::plugin::{Setup, Workflow, expect_phase, output};
use crate::support::shop::{Shop, template};

#[tokio::test]
async fn an_absent_daemon_is_waited_for_and_then_named() {
    let shop =
        Shop::with(Setup::new("unix:///nowhere/buildkitd.sock").start(), "FROM scratch\nCOPY main.txt /\n")
            .await;
    let (workflow, step) = (Workflow::new(), template(shop.build(json!({}))));
    let waiting = |node: &serde_json::Value| {
        node["message"].as_str().is_some_and(|message| message.contains("waiting for buildkitd"))
    };
    shop.plugin.until(&workflow, &step, waiting).await;
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Error");
    insta::assert_snapshot!(steady(node["message"].as_str().unwrap()), @r#"cannot reach buildkitd at unix:///nowhere/buildkitd.sock: No such file or directory (os error 2); there is no such socket: check the path, and that the daemon runs"#);
    assert_eq!(shop.digest("1").await, None);
}

#[tokio::test]
async fn a_daemon_that_is_killed_amid_a_build_builds_in_the_end() {
    let mut daemon = Buildkitd::start("");
    let shop = Shop::with(
        Setup::new(daemon.address()).start(),
        "FROM BASE AS build\nRUN sleep 5 && echo done >/done\n\
        FROM scratch\nCOPY --from=build /done /\n",
    )
    .await;
    let (workflow, step) = (Workflow::new(), template(shop.build(json!({}))));
    shop.plugin
        .until(&workflow, &step, |node| node["message"].as_str().unwrap_or_default().contains("RUN sleep"))
        .await;
    // A daemon that is killed while it prepares the step's snapshot cannot prepare it again.
    let runs = async || Some(daemon.steps()).filter(|steps| !steps.is_empty());
    until(|| "the step to run".to_owned(), PATIENCE, runs).await;
    daemon.kill();
    daemon.restart();
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(shop.digest("1").await, Some(output(&node, "digest")));
}

#[tokio::test]
async fn a_daemon_that_refuses_our_certificate_or_we_its_is_named() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = ours.sign("buildkitd");
    let daemon = Buildkitd::start_tls("", ServerTls { ca: ours.ca(), cert: server.cert, key: server.key });
    // TLS 1.3 reports a refused client certificate late, with an alert or a broken connection. So the text before
    // ours varies.
    let rows = [
        ("the daemon refused our client certificate", &ours, &theirs),
        ("its certificate is not signed by the CA we were given", &theirs, &ours),
    ];
    for (words, ca, signer) in rows {
        let pair = signer.sign("client");
        let setup = Setup::new(daemon.address())
            .arg("--tls-ca", ca.ca().to_str().unwrap())
            .arg("--tls-cert", pair.cert.to_str().unwrap())
            .arg("--tls-key", pair.key.to_str().unwrap());
        let shop = Shop::with(setup.start(), "FROM scratch\nCOPY main.txt /\n").await;
        let node = shop.plugin.node(&template(shop.build(json!({})))).await;
        expect_phase(&node, "Error");
        let message = node["message"].as_str().unwrap();
        assert!(message.contains(daemon.address()) && message.contains(words), "{message}");
    }
}
