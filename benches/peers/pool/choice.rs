//! What it costs to choose a daemon: the choice alone, and a build in a pool beside one of the same daemon without a pool.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use argo_buildkit::pool::{MAX_BUILDS, Pool, PoolKey, Service, Wanted};
use serde_json::json;

use super::builds::{NAMESPACE, build, engine};
use crate::support::buildkitd::Buildkitd;
use crate::support::git::GitServer;
use crate::support::round_trip_relay::RoundTripRelay;
use crate::table::{Table, median, ms, quantile};

/// The choices that are timed, for so many services in turn. They end long before the pool asks its daemons again (30 s).
const CHOICES: usize = 10_000;
const SERVICES: usize = 1000;
/// The sizes of the pools whose choice is timed.
const SIZES: [usize; 2] = [3, LARGEST];
const LARGEST: usize = 20;

/// The numbers of addresses through which a build is timed. One address is no pool.
const SIDES: [usize; 3] = [1, 2, 3];
/// Builds of each side; those before them fill the cache and are not counted. Each side is the first one of as many turns.
const BUILDS: usize = 42;
const WARM_UP: usize = 3;

/// Until the connections of a new pool are at rest.
const REST: Duration = Duration::from_secs(1);

/// One daemon behind several relays. A pool takes each relay for a daemon of its own.
struct World {
    _daemon: Buildkitd,
    relays: Vec<RoundTripRelay>,
    git: GitServer,
}

/// One build.
struct Run {
    wall: f64,
    connections: f64,
    round_trips: f64,
}

pub(super) async fn measure(table: &mut Table) {
    let world = World::start().await;
    for size in SIZES {
        world.choices(size, table).await;
    }
    let runs = world.builds().await;
    report(&runs, table);
}

impl World {
    async fn start() -> Self {
        let daemon = Buildkitd::start_tcp("");
        let mut relays = Vec::new();
        for _ in 0..LARGEST {
            relays.push(RoundTripRelay::start(daemon.address().trim_start_matches("tcp://")).await);
        }
        let git = GitServer::start("", "");
        git.create("shop", &[("Dockerfile", "FROM scratch\nCOPY file /\n"), ("file", "one\n")]);
        Self { _daemon: daemon, relays, git }
    }

    /// The addresses of the first `count` relays.
    fn addresses(&self, count: usize) -> Vec<String> {
        self.relays[..count].iter().map(|relay| format!("tcp://{}", relay.host())).collect()
    }

    /// Times what a pool of `size` does for each build, from the service to the place that is given back.
    async fn choices(&self, size: usize, table: &mut Table) {
        let seeds = self.addresses(size);
        let pool = Pool::new(seeds.iter().map(|seed| (seed.parse().unwrap(), None)).collect(), MAX_BUILDS);
        let repositories: Vec<_> =
            (0..SERVICES).map(|nth| format!("https://git.example.com/shop/{nth}.git")).collect();
        drop(pool.enter(&wanted(&repositories[0]), |_| ()).await.unwrap());
        tokio::time::sleep(REST).await;
        self.take_round_trips();
        let (mut took, mut chosen) = (Vec::new(), BTreeSet::new());
        for nth in 0..CHOICES {
            let started = Instant::now();
            let slot = pool.enter(&wanted(&repositories[nth % SERVICES]), |_| ()).await.unwrap();
            let name = slot.member.name.clone();
            drop(slot);
            took.push(started.elapsed().as_secs_f64() * 1e6);
            chosen.insert(name);
        }
        let round_trips = self.take_round_trips();
        assert_eq!(chosen.len(), size, "each daemon is there and has services");
        let what = format!("choice of one of {size} daemons: ");
        table.alone(&format!("{what}median"), "µs", median(&took), Some(1000.0));
        table.alone(&format!("{what}p99"), "µs", quantile(&took, 0.99), Some(1000.0));
        table.alone(&format!("{what}round trips of {CHOICES}"), "", round_trips as f64, Some(0.0));
    }

    /// The builds of each side, in turns.
    async fn builds(&self) -> [Vec<Run>; 3] {
        let engines = SIDES.map(|count| engine(&self.addresses(count).join(",")));
        let fields = json!({
            "context": {"repo": self.git.url("shop"), "revision": "main"},
            "tags": ["registry.example/shop/api:1"], "push": false,
        });
        let mut runs = SIDES.map(|_| Vec::new());
        for turn in 0..WARM_UP + BUILDS {
            for nth in 0..SIDES.len() {
                let side = (turn + nth) % SIDES.len();
                self.take_round_trips();
                let before = self.connections();
                let wall = ms(build(&engines[side], &fields).await.wall);
                let connections = (self.connections() - before) as f64;
                let round_trips = self.take_round_trips() as f64;
                if turn >= WARM_UP {
                    runs[side].push(Run { wall, connections, round_trips });
                }
            }
        }
        runs
    }

    fn connections(&self) -> usize {
        self.relays.iter().map(RoundTripRelay::connections).sum()
    }

    /// The round trips since the last call.
    fn take_round_trips(&self) -> usize {
        self.relays.iter().map(|relay| relay.take().len()).sum()
    }
}

/// What a build of `repository` wants of a daemon.
fn wanted(repository: &str) -> Wanted {
    let (subdir, dockerfile, target) = ("", "Dockerfile", "");
    let key = PoolKey::new(Service { namespace: NAMESPACE, repository, subdir, dockerfile, target });
    Wanted { key, platforms: vec!["linux/amd64".to_owned()] }
}

fn report([alone, pools @ ..]: &[Vec<Run>; 3], table: &mut Table) {
    for (pool, count) in pools.iter().zip(&SIDES[1..]) {
        let pairs = |value: fn(&Run) -> f64| -> Vec<(f64, f64)> {
            pool.iter().zip(alone).map(|(ours, peer)| (value(ours), value(peer))).collect()
        };
        let what = format!("build in a pool of {count}, beside one daemon: ");
        table.paired(&format!("{what}wall"), "ms", &pairs(|run| run.wall), None);
        let middle = |runs: &[Run]| median(&runs.iter().map(|run| run.wall).collect::<Vec<_>>());
        let more = middle(pool) - middle(alone);
        table.alone(&format!("{what}difference of the medians"), "ms", more, Some(1.0));
        table.paired(&format!("{what}connections"), "", &pairs(|run| run.connections), None);
        table.paired(&format!("{what}round trips"), "", &pairs(|run| run.round_trips), None);
    }
}
