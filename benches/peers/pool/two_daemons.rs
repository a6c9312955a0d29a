//! Two services that build at the same time, on two daemons and on one. Each daemon runs one step at a time.

use std::process::Command;
use std::time::Instant;

use argo_buildkit::engine::Engine;
use serde_json::{Value, json};

use super::builds::{build, engine, plain_http};
use crate::support::bin;
use crate::support::buildctl::histories;
use crate::support::buildkitd::Buildkitd;
use crate::support::git::GitServer;
use crate::support::net::unique;
use crate::support::registry::Registry;
use crate::table::Table;

/// Rounds of each side, in turns; and the builds of each of the two services in one round.
const ROUNDS: usize = 3;
const BUILDS: usize = 3;
/// So many services that hardly ever all of them have one home.
const SERVICES: usize = 16;

/// Some seconds of one CPU.
const SPIN: &str = "i=0; while [ $i -lt 3000000 ]; do i=$((i+1)); done";
/// About as long as [`SPIN`], without a CPU.
const SLEEP: &str = "sleep 3";

/// A machine that runs two processes at less than this times the speed of one cannot show what two daemons bring.
const ENOUGH: f64 = 1.8;

/// Two daemons, and a repository of services.
struct World {
    _registry: Registry,
    daemons: [Buildkitd; 2],
    git: GitServer,
}

pub(super) async fn compare(table: &mut Table) {
    let world = World::start();
    let pool = engine(&world.daemons.each_ref().map(Buildkitd::address).join(","));
    let alone = engine(world.daemons[0].address());
    let services = world.apart(&pool).await;
    for (work, what) in [("sleep", "sleeping builds"), ("spin", "CPU-bound builds")] {
        if work == "spin" {
            tell_what_the_machine_allows();
        }
        let mut pairs = Vec::new();
        for _ in 0..ROUNDS {
            let peer = world.round(&alone, services, work, [2 * BUILDS, 0]).await;
            let ours = world.round(&pool, services, work, [BUILDS, BUILDS]).await;
            pairs.push((ours, peer));
        }
        table.at_least(&format!("two services on two daemons, beside one: {what}"), "a minute", &pairs, 1.7);
    }
}

impl World {
    fn start() -> Self {
        let registry = Registry::start();
        // A daemon that is measured must not forget its builds: they are counted.
        let limits = "[worker.oci]\n  max-parallelism = 1\n[history]\n  maxEntries = 1000\n";
        let daemons = [(); 2].map(|()| Buildkitd::start(&format!("{}{limits}", plain_http(&registry))));
        let base = registry.push_busybox(daemons[0].address());
        let git = GitServer::start("", "");
        let stage = |nth| {
            format!(
                "FROM {base} AS service-{nth}\nARG TURN\nARG WORK\n\
                RUN echo $TURN > /turn; case $WORK in spin) {SPIN};; sleep) {SLEEP};; esac\n"
            )
        };
        let dockerfile: String = (0..SERVICES).map(stage).collect();
        git.create("shop", &[("Dockerfile", &dockerfile)]);
        Self { _registry: registry, daemons, git }
    }

    /// The build of a service that does `work`. Its `RUN` is in no cache, because each build has another argument.
    fn fields(&self, service: usize, work: &str) -> Value {
        json!({
            "context": {"repo": self.git.url("shop"), "revision": "main"},
            "target": format!("service-{service}"), "tags": [image(service)], "push": false,
            "build-args": {"TURN": unique("turn"), "WORK": work},
        })
    }

    /// A service of each daemon. Afterwards both daemons have the base image.
    async fn apart(&self, pool: &Engine) -> [usize; 2] {
        let mut found = [None; 2];
        for service in 0..SERVICES {
            build(pool, &self.fields(service, "none")).await;
            let is_home = |daemon: &Buildkitd| {
                histories(daemon.address()).iter().any(|build| build.contains(&image(service)))
            };
            let home = self.daemons.iter().position(is_home).unwrap();
            found[home] = Some(service);
            if let [Some(one), Some(other)] = found {
                return [one, other];
            }
        }
        panic!("all of {SERVICES} services have one home");
    }

    /// Builds both services at the same time, each several times. Returns the builds in a minute. Each daemon must get as many of them as
    /// `expected` says.
    async fn round(&self, engine: &Engine, services: [usize; 2], work: &str, expected: [usize; 2]) -> f64 {
        let before = self.builds();
        let one_after_the_other = async |service: usize| {
            for _ in 0..BUILDS {
                build(engine, &self.fields(service, work)).await;
            }
        };
        let started = Instant::now();
        tokio::join!(one_after_the_other(services[0]), one_after_the_other(services[1]));
        let minutes = started.elapsed().as_secs_f64() / 60.0;
        let after = self.builds();
        assert_eq!([after[0] - before[0], after[1] - before[1]], expected, "builds of each daemon");
        (2 * BUILDS) as f64 / minutes
    }

    /// The number of builds in the history of each daemon.
    fn builds(&self) -> [usize; 2] {
        self.daemons.each_ref().map(|daemon| histories(daemon.address()).len())
    }
}

fn image(service: usize) -> String {
    format!("registry.example/shop/service-{service}:1")
}

/// Prints how much more this machine does in two processes than in one: two daemons on it cannot do better.
fn tell_what_the_machine_allows() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let [one, two] = [1, 2].map(spin);
    let allowed = 2.0 * one / two;
    println!("{cores} cores: two processes that only compute do {allowed:.2}× the work of one");
    if allowed < ENOUGH {
        println!(
            "that is too little for CPU-bound builds on two daemons: look at the row of sleeping builds"
        );
    }
}

/// The seconds until `count` processes at the same time have each run [`SPIN`].
fn spin(count: usize) -> f64 {
    let shell = bin::system("busybox", "busybox-static");
    let started = Instant::now();
    let processes: Vec<_> =
        (0..count).map(|_| Command::new(&shell).args(["sh", "-c", SPIN]).spawn().unwrap()).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    started.elapsed().as_secs_f64()
}
