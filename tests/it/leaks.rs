//! Everything that a build opens is closed after its end, however it ended. Counted in our process and in the daemon.

mod agent;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::bin;
use crate::support::buildkitd::Buildkitd;
use crate::support::net::{PATIENCE, client, free_port, until};
use crate::support::plugin::{Plugin, Setup, Workflow, expect_phase};
use crate::support::shared::World;
use crate::support::shop::{Shop, template};

/// The number of builds at a time, which also run before anything is counted.
const AT_A_TIME: usize = 8;

/// The number of additional things that may stay open: the connections of each build at a time to its Git server and to its
/// registry, which are kept for the next request, and the last messages of a step.
const KEPT: i64 = 20;

/// The targets of the Dockerfile: one runs until it is killed, one fails, one does nothing.
const DOCKERFILE: &str = "\
FROM BASE AS endless
RUN sleep 600
FROM BASE AS wrong
RUN exit 3
FROM BASE
";

/// The numbers of open things in our process and in the daemon.
#[derive(Debug, Clone, Copy)]
struct Open {
    files: i64,
    tasks: i64,
    sessions: i64,
    goroutines: i64,
}

impl Open {
    fn is_no_more_than(self, before: Self) -> bool {
        let pairs = [
            (self.files, before.files),
            (self.tasks, before.tasks),
            // Some goroutines for each connection.
            (self.goroutines, before.goroutines + 4 * KEPT),
        ];
        self.sessions == 0 && pairs.iter().all(|(now, before)| *now <= before + KEPT)
    }
}

/// A process of ours that reports what it has open.
trait Counted {
    async fn metrics(&self) -> String;
}

impl Counted for Plugin {
    async fn metrics(&self) -> String {
        let (status, metrics) = self.ops("/metrics").await;
        assert_eq!(status, StatusCode::OK);
        metrics
    }
}

/// A daemon whose goroutines can be listed.
struct Debugged {
    daemon: Buildkitd,
    debug: String,
}

impl Debugged {
    async fn start() -> Self {
        let world = World::shared().await;
        let debug = format!("127.0.0.1:{}", free_port());
        let hosts = [world.registry.host(), world.gitea.host()];
        let plain = hosts.map(|host| format!("[registry.\"{host}\"]\nhttp = true\n")).concat();
        let daemon = Buildkitd::start(&format!("[grpc]\ndebugAddress = \"{debug}\"\n{plain}"));
        Self { daemon, debug }
    }

    async fn goroutines(&self) -> String {
        let url = format!("http://{}/debug/pprof/goroutine?debug=2", self.debug);
        client().get(url).send().await.unwrap().text().await.unwrap()
    }

    async fn count(&self, process: &impl Counted) -> Open {
        let metrics = process.metrics().await;
        let gauge = |name: &str| {
            let value = metrics.lines().find_map(|line| line.strip_prefix(&format!("argo_buildkit_{name} ")));
            value.unwrap_or_else(|| panic!("no {name} in\n{metrics}")).parse().unwrap()
        };
        let (files, tasks, stacks) = (gauge("open_files"), gauge("tasks"), self.goroutines().await);
        let many = |needle: &str| i64::try_from(stacks.matches(needle).count()).unwrap();
        // The daemon keeps its own connections to registries for two minutes (`util/resolver/resolver.go`).
        let goroutines = many("\ngoroutine ") - many("created by net/http.(*Transport).dialConn");
        Open { files, tasks, sessions: many("(*Controller).Session("), goroutines }
    }

    /// Waits until the numbers are no higher than `before`.
    async fn settles(&self, process: &impl Counted, before: Option<Open>, after: &str) -> Open {
        let fine = |open: &Open| before.map_or(open.sessions == 0, |before| open.is_no_more_than(before));
        let last = std::cell::RefCell::new(String::new());
        let settled = async || {
            let open = self.count(process).await;
            let stacks = self.goroutines().await;
            last.replace(format!("{open:?}, with goroutines of {:#?}", creators(&stacks)));
            Some(open).filter(fine)
        };
        until(|| format!("{before:?} after {after}, not {}", last.borrow()), PATIENCE, settled).await
    }
}

/// The origins of most goroutines.
fn creators(stacks: &str) -> Vec<(usize, &str)> {
    let mut all = std::collections::BTreeMap::<_, usize>::new();
    let creators = stacks.lines().filter_map(|line| line.strip_prefix("created by ")?.split(' ').next());
    creators.for_each(|creator| *all.entry(creator).or_default() += 1);
    let mut most: Vec<_> = all.into_iter().map(|(creator, many)| (many, creator)).collect();
    most.sort();
    most.into_iter().rev().take(8).collect()
}

/// Builds `target` several times, a few at a time, each in its own workflow.
async fn build(shop: &Shop, target: Value, timeout: &str, times: usize, phase: &str) {
    let mut step = template(shop.build(json!({"target": target})));
    step["timeout"] = json!(timeout);
    for _ in 0..times.div_ceil(AT_A_TIME) {
        let nodes = join_all((0..AT_A_TIME).map(|_| shop.plugin.node(&step))).await;
        nodes.iter().for_each(|node| expect_phase(node, phase));
    }
}

/// Begins endless builds, and never polls them again.
async fn abandon(shop: &Shop) {
    let step = template(shop.build(json!({"target": "endless"})));
    let begun = |node: &Value| node["message"].as_str().is_some_and(|message| message.contains("sleep 600"));
    join_all((0..AT_A_TIME).map(async |_| shop.plugin.until(&Workflow::new(), &step, begun).await)).await;
}

/// As many builds as CI has time for, and then some for each other kind of end.
async fn nothing_stays_open(times: usize) {
    let daemon = Debugged::start().await;
    let plugin = Setup::new(daemon.daemon.address()).arg("--poll-lease", "20s").start();
    let shop = Shop::with(plugin, DOCKERFILE).await;
    build(&shop, Value::Null, "5m", 2 * AT_A_TIME, "Succeeded").await;
    let before = daemon.settles(&shop.plugin, None, "the first builds").await;
    build(&shop, Value::Null, "5m", times, "Succeeded").await;
    daemon.settles(&shop.plugin, Some(before), "builds that ended well").await;
    build(&shop, json!("wrong"), "5m", 3 * AT_A_TIME, "Failed").await;
    daemon.settles(&shop.plugin, Some(before), "builds that failed").await;
    build(&shop, json!("endless"), "3s", 3 * AT_A_TIME, "Failed").await;
    daemon.settles(&shop.plugin, Some(before), "builds that took too long").await;
    abandon(&shop).await;
    daemon.settles(&shop.plugin, Some(before), "builds that were cancelled").await;
}

#[tokio::test]
async fn what_builds_open_is_closed_however_they_end() {
    nothing_stays_open(200).await;
}

#[tokio::test]
#[ignore = "takes minutes: `cargo test --test it leaks:: -- --ignored`"]
async fn what_a_thousand_builds_open_is_closed() {
    nothing_stays_open(1000).await;
}

/// Opens idle connections until no descriptor is left.
fn hold(plugin: &Plugin, many: usize) -> Vec<std::net::TcpStream> {
    let addresses = [plugin.url(), plugin.ops_url()].map(|url| url.trim_start_matches("http://").to_owned());
    (0..many).map(|n| std::net::TcpStream::connect(&addresses[n % 2]).unwrap()).collect()
}

#[tokio::test]
async fn callers_who_hold_connections_leave_descriptors_for_steps() {
    let world = World::shared().await;
    let plugin = Setup::new(world.buildkitd.address()).descriptors(64).start();
    let shop = Shop::with(plugin, DOCKERFILE).await;
    let _held = hold(&shop.plugin, 200);
    expect_phase(&shop.plugin.node(&template(shop.build(json!({})))).await, "Succeeded");
    assert_eq!(shop.plugin.ops("/readyz").await, (StatusCode::OK, "ok\n".to_owned()));
}

#[tokio::test]
async fn readiness_tells_of_exhausted_descriptors_and_of_their_return() {
    let world = World::shared().await;
    let plugin = Setup::new(world.buildkitd.address()).descriptors(64).start();
    assert_eq!(plugin.ops("/readyz").await.0, StatusCode::OK);
    // As few descriptors as its files, ports and connections need, so there are too few for a step.
    let few = format!("--nofile={}:64", open_files(&plugin) + 2);
    limit(&plugin, &few);
    let unready = async || {
        let (status, why) = plugin.ops("/readyz").await;
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(why)
    };
    let _held = hold(&plugin, 100);
    let why = until(|| format!("/readyz to say no\n{}", plugin.log()), PATIENCE, unready).await;
    assert!(why.contains("file descriptors") && why.contains("a step needs 8"), "{why}");
    limit(&plugin, "--nofile=64:64");
    let ready = async || (plugin.ops("/readyz").await.0 == StatusCode::OK).then_some(());
    until(|| format!("/readyz to say yes\n{}", plugin.log()), PATIENCE, ready).await;
}

/// Only one port is called, because each port has its own spare descriptor.
#[tokio::test]
async fn a_caller_is_answered_when_no_descriptor_is_left() {
    let world = World::shared().await;
    let plugin = Setup::new(world.buildkitd.address()).descriptors(64).start();
    let taken =
        |number: &usize| std::fs::symlink_metadata(format!("/proc/{}/fd/{number}", plugin.pid())).is_ok();
    // No descriptor below the limit is free, and none becomes free, unlike after a connection was closed.
    let last = std::cell::Cell::new(0);
    let full = async || {
        let free = (0..64).find(|number| !taken(number)).unwrap();
        limit(&plugin, &format!("--nofile={free}:64"));
        (last.replace(free) == free).then_some(())
    };
    until(|| "no descriptor to be free".to_owned(), PATIENCE, full).await;
    let (status, why) = tokio::time::timeout(PATIENCE, plugin.ops("/readyz")).await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{why}");
    assert!(why.contains("file descriptors"), "{why}");
}

fn open_files(plugin: &Plugin) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", plugin.pid())).unwrap().count()
}

fn limit(plugin: &Plugin, limit: &str) {
    let pid = plugin.pid().to_string();
    let done = std::process::Command::new(bin::system("prlimit", "util-linux"))
        .args(["--pid", &pid, limit])
        .status()
        .unwrap();
    assert!(done.success());
}
