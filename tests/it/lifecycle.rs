//! Early ends of a step: timeout, cancellation, shutdown, a killed sidecar, a killed daemon.

use serde_json::{Value, json};

use crate::support::bin::{signal, wait_for};
use crate::support::buildctl::histories;
use crate::support::buildkitd::Buildkitd;
use crate::support::net::{PATIENCE, until};
use crate::support::plugin::{Plugin, Setup, Workflow, expect_phase, output};
use crate::support::process::Process;
use crate::support::shared::{World, shared_buildkitd};
use crate::support::shop::{Shop, template};

/// A build whose second step runs until it is killed.
const ENDLESS: &str = "FROM BASE\nRUN echo first > /first\nRUN sleep 600\n";

fn says(what: &'static str) -> impl Fn(&Value) -> bool {
    move |node| node["message"].as_str().is_some_and(|message| message.contains(what))
}

/// Waits until the announced step has a process.
fn a_step_runs(daemon: &Buildkitd) {
    wait_for("the RUN to begin", PATIENCE, || (!daemon.steps().is_empty()).then_some(()));
}

/// Waits until no step runs in `daemon`'s containers.
fn no_step_runs(daemon: &Buildkitd) {
    wait_for("the RUN to be gone", PATIENCE, || daemon.steps().is_empty().then_some(()));
}

/// The test's own daemon, which can reach the shared registries.
pub(crate) async fn own_daemon() -> Buildkitd {
    own_daemon_with("").await
}

/// The same with more lines in its configuration.
pub(crate) async fn own_daemon_with(config: &str) -> Buildkitd {
    let world = World::shared().await;
    let plain = |host: &str| format!("[registry.\"{host}\"]\nhttp = true\n");
    Buildkitd::start(&format!("{}{}{config}", plain(world.registry.host()), plain(world.gitea.host())))
}

#[tokio::test]
async fn a_timed_out_step_fails_and_kills_its_run_and_a_retry_has_time_of_its_own() {
    let daemon = own_daemon().await;
    let shop = Shop::with(Setup::new(daemon.address()).start(), ENDLESS).await;
    let workflow = Workflow::new();
    let mut step = template(shop.build(json!({})));
    // Long enough for the RUN to begin on a busy machine. Nothing else takes long.
    step["timeout"] = json!("20s");
    let running = shop.plugin.until(&workflow, &step, says("RUN sleep 600")).await;
    expect_phase(&running, "Running");
    a_step_runs(&daemon);
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(
        message.contains("took longer than its timeout of 20 s, during: [3/3] RUN sleep 600"),
        "{message}"
    );
    no_step_runs(&daemon);
    let (_, again) = shop.plugin.poll(&workflow, &step).await;
    expect_phase(&again["node"], "Running");
    assert!(shop.plugin.ops("/metrics").await.1.contains("outcome=\"cancelled\"} 1"));
}

#[tokio::test]
async fn sigterm_stops_the_run_and_the_process_and_later_polls_go_to_the_next_sidecar() {
    let daemon = own_daemon().await;
    let shop = Shop::with(Setup::new(daemon.address()).start(), ENDLESS).await;
    let (workflow, step) = (Workflow::new(), template(shop.build(json!({}))));
    shop.plugin.until(&workflow, &step, says("RUN sleep 600")).await;
    a_step_runs(&daemon);
    shop.plugin.signal("TERM");
    assert!(shop.plugin.exit().await.success());
    no_step_runs(&daemon);
    assert!(!shop.plugin.replies().contains("Error"), "a drain is no result of the step");
}

#[tokio::test]
async fn a_step_that_nobody_asks_for_any_more_is_cancelled() {
    let daemon = own_daemon().await;
    let plugin = Setup::new(daemon.address()).arg("--poll-lease", "3s").start();
    let shop = Shop::with(plugin, ENDLESS).await;
    let (workflow, step) = (Workflow::new(), template(shop.build(json!({}))));
    shop.plugin.until(&workflow, &step, says("RUN sleep 600")).await;
    a_step_runs(&daemon);
    no_step_runs(&daemon);
    let (_, reply) = shop.plugin.poll(&workflow, &step).await;
    expect_phase(&reply["node"], "Error");
    assert!(says("did not ask for")(&reply["node"]), "{reply}");
}

/// A second sidecar of the same pod, with the same token and Secrets.
pub(crate) fn successor(shop: &Shop, daemon: &str) -> Plugin {
    let plugin = Setup::new(daemon).start();
    for (secret, key) in [("git", "username"), ("git", "token"), ("registry", ".dockerconfigjson")] {
        let value = std::fs::read_to_string(shop.plugin.secrets().join(secret).join(key)).unwrap();
        plugin.put(secret, key, &value);
    }
    plugin
}

#[tokio::test]
async fn a_sidecar_killed_mid_build_is_resumed_with_one_result() {
    let daemon = own_daemon().await;
    // The slow step ends when the gate file exists. Earlier steps are not repeated.
    let gate = tempfile::tempdir().unwrap();
    let dockerfile = "FROM BASE\nRUN cat /proc/sys/kernel/random/uuid > /once\n\
        RUN until wget -q -O /dev/null http://GATE/; do sleep 0.2; done\n";
    let port = crate::support::net::free_port();
    let shop = Shop::with(
        Setup::new(daemon.address()).start(),
        &dockerfile.replace("GATE", &format!("127.0.0.1:{port}")),
    )
    .await;
    let (workflow, step) = (Workflow::new(), template(shop.build(json!({}))));
    shop.plugin.until(&workflow, &step, says("[3/3] RUN")).await;
    shop.plugin.kill();
    let _gate = httpd(port, gate.path());
    let next = successor(&shop, daemon.address());
    let node = next.drive(&workflow, &step).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(shop.digest("1").await.unwrap(), output(&node, "digest"));
    // The slow step is also cached if it ended before the daemon noticed that its first client was gone.
    let cached = output(&node, "cached-steps");
    assert!(["1", "2"].contains(&cached.as_str()), "the finished step was run again: {cached} cached");

    // Again after the end: the result is in the daemon's history, and nothing is built.
    let builds = histories(daemon.address()).len();
    let third = successor(&shop, daemon.address());
    let again = third.drive(&workflow, &step).await;
    assert_eq!(output(&again, "digest"), output(&node, "digest"));
    assert_eq!(histories(daemon.address()).len(), builds, "no build was started");
}

/// An HTTP server on `port` that answers 200 to `/`.
pub(crate) fn httpd(port: u16, root: &std::path::Path) -> crate::support::process::Process {
    std::fs::write(root.join("index.html"), "open").unwrap();
    let mut command = std::process::Command::new("busybox");
    command.args(["httpd", "-f", "-p", &format!("127.0.0.1:{port}"), "-h"]).arg(root);
    crate::support::process::Process::spawn("httpd", command, &root.join("log"))
}

#[tokio::test]
async fn a_steps_node_resumes_after_its_build_and_commits_once() {
    let daemon = own_daemon().await;
    let shop = Shop::with(
        Setup::new(daemon.address()).start(),
        "FROM BASE\nRUN cat /proc/sys/kernel/random/uuid > /once\n",
    )
    .await;
    let (workflow, step) = (Workflow::new(), template(shop.steps()));
    let first = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&first, "Succeeded");
    shop.plugin.kill();
    let next = successor(&shop, daemon.address());
    let second = next.drive(&workflow, &step).await;
    expect_phase(&second, "Succeeded");
    assert_eq!(output(&second, "digest"), output(&first, "digest"), "the random layer was not built again");
    assert_eq!(output(&second, "commit"), output(&first, "commit"));
    assert_eq!(shop.gitops.commits("main").await.len(), 2);
}

#[tokio::test]
async fn an_agent_that_restarts_finds_the_same_job() {
    let shop =
        Shop::with(Setup::new(shared_buildkitd().address()).start(), "FROM BASE\nRUN echo again\n").await;
    let (workflow, step) = (Workflow::new(), template(shop.build(json!({}))));
    let (_, first) = shop.plugin.poll(&workflow, &step).await;
    assert_eq!(first["node"]["phase"], "Running");
    // A restarted agent sends every task again at once, byte for byte.
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Succeeded");
    let image = shop.image();
    let builds = histories(shop.world.buildkitd.address()).into_iter().filter(|build| build.contains(&image));
    assert_eq!(builds.count(), 1);
}

/// A pre-receive hook that shows when it has begun, and ends when the test allows it.
struct SlowHook(tempfile::TempDir);

impl SlowHook {
    fn of(shop: &Shop) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let wait = format!("until [ -e {path}/go ]; do sleep 0.1; done");
        shop.gitops.pre_receive(&format!("#!/bin/sh\ntouch {path}/begun\n{wait}\n"));
        Self(directory)
    }

    async fn begun(&self) {
        let begun = async || self.0.path().join("begun").exists().then_some(());
        until(|| "the push to begin".into(), PATIENCE, begun).await;
    }

    fn release(&self) {
        std::fs::write(self.0.path().join("go"), "").unwrap();
    }
}

#[tokio::test]
async fn a_push_in_flight_is_let_finish_when_the_process_ends() {
    let shop = Shop::open("FROM BASE\n").await;
    let hook = SlowHook::of(&shop);
    let (workflow, step) = (Workflow::new(), template(shop.update(json!({"image.tag": "2"}), json!({}))));
    let (_, first) = shop.plugin.poll(&workflow, &step).await;
    expect_phase(&first["node"], "Running");
    hook.begun().await;
    shop.plugin.signal("TERM");
    let draining = async || (shop.plugin.ops("/readyz").await.0 == 503).then_some(());
    until(|| "the drain".into(), PATIENCE, draining).await;
    hook.release();
    assert!(shop.plugin.exit().await.success());
    assert!(shop.gitops.read("main", "chart/values.yaml").await.unwrap().contains("tag: \"2\""));
}

#[tokio::test]
async fn a_push_in_flight_at_the_timeout_is_reported_as_what_became_of_it() {
    let shop = Shop::open("FROM BASE\n").await;
    let hook = SlowHook::of(&shop);
    let mut step = template(shop.update(json!({"image.tag": "2"}), json!({})));
    step["timeout"] = json!("10s");
    let workflow = Workflow::new();
    let (_, first) = shop.plugin.poll(&workflow, &step).await;
    expect_phase(&first["node"], "Running");
    hook.begun().await;
    // The gate closes at the timeout. The push continues, and so does the step.
    let late = shop.plugin.until(&workflow, &step, says(" · 12 s")).await;
    expect_phase(&late, "Running");
    hook.release();
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(shop.gitops.head("main").await, output(&node, "commit"));
}

#[tokio::test]
async fn a_run_from_a_terminal_that_is_interrupted_lets_its_push_finish() {
    let shop = Shop::open("FROM BASE\n").await;
    let hook = SlowHook::of(&shop);
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("step.yaml");
    std::fs::write(&file, shop.update(json!({"image.tag": "3"}), json!({})).to_string()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
    command.arg("run").arg(&file).arg("--secrets-dir").arg(shop.plugin.secrets());
    let mut run = Process::spawn("argo-buildkit run", command, &files.path().join("log"));
    hook.begun().await;
    signal(run.pid(), "INT");
    hook.release();
    assert_eq!(run.wait().code(), Some(130), "{}", run.log());
    assert!(run.log().contains("SIGINT: stopping "), "{}", run.log());
    assert!(shop.gitops.read("main", "chart/values.yaml").await.unwrap().contains("tag: \"3\""));
}
