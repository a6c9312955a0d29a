//! A retag and a promotion, beside crane, regctl and skopeo, in turns.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::measured::{self, Run};
use super::support::bin;
use super::support::images::{MANIFEST, Repository};
use super::support::registry::Registry;
use super::support::round_trip_relay::RoundTripRelay;
use super::table::{Table, median, mib, ms};
use super::world::binary;

/// Runs of each side; those before them warm caches and are not counted.
const RETAGS: usize = 21;
const PROMOTIONS: usize = 7;
const WARM_UP: usize = 2;

const LAYERS: usize = 20;
/// The bytes of each layer. They are random, as those of a compressed layer look.
const LAYER: usize = 25 << 20;
/// The bytes of the one layer of the large image.
const LARGE: usize = 2 << 30;

const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Two registries of Debian, and a directory for the steps.
struct World {
    runtime: tokio::runtime::Runtime,
    registries: [Registry; 2],
    files: tempfile::TempDir,
    /// The number of names that were given.
    names: AtomicUsize,
}

/// A program that copies from one reference to another.
type Copy = fn(&World, &str, &str) -> Command;

const PEERS: [(&str, Copy); 3] = [("crane", crane), ("regctl", regctl), ("skopeo", skopeo)];

pub(crate) fn compare(table: &mut Table) {
    let world = World::start();
    retag(&world, table);
    promote(&world, table);
    large(&world, table);
}

fn retag(world: &World, table: &mut Table) {
    let name = format!("{}/retag", world.registries[0].host());
    world.runtime.block_on(Repository::new(world.registries[0].host(), "retag").platforms("1"));
    let source = format!("{name}:1");
    // skopeo uploads what is there already (containers/image#312), so it is no peer here.
    let sides: Vec<_> = [("ours", ours as Copy)].into_iter().chain(PEERS[..2].iter().copied()).collect();
    let runs = in_turns(&sides, RETAGS, |copy| copy(world, &source, &format!("{name}:{}", world.name())));
    let walls: Vec<_> = runs.iter().map(|runs| middle(runs, |run| ms(run.wall))).collect();
    beside(table, "retag of an index: wall", "ms", &sides, &walls, 0.9);
    let trips: Vec<_> = sides.iter().map(|(_, copy)| world.round_trips(*copy)).collect();
    let fewest = trips[1..].iter().copied().fold(f64::INFINITY, f64::min);
    println!("retag of an index: round trips {trips:?} of ours, crane, regctl");
    table.alone(
        "retag of an index: round trips, one fewer than the best peer",
        "",
        trips[0],
        Some(fewest - 1.0),
    );
}

fn promote(world: &World, table: &mut Table) {
    let layers = (0..LAYERS).map(|n| noise(LAYER, n as u64));
    let source = world.image("promote", layers);
    let sides: Vec<_> = [("ours", ours as Copy)].into_iter().chain(PEERS).collect();
    let target = || format!("{}/{}:1", world.registries[1].host(), world.name());
    let runs = in_turns(&sides, PROMOTIONS, |copy| copy(world, &source, &target()));
    let walls: Vec<_> = runs.iter().map(|runs| middle(runs, |run| ms(run.wall))).collect();
    beside(table, "promote 500 MB of 20 layers: wall", "ms", &sides, &walls, 0.9);
    let peak = middle(&runs[0], |run| mib(run.peak));
    table.alone("promote 500 MB of 20 layers: peak memory", "MiB", peak, Some(32.0));
}

/// The memory does not grow with a layer.
fn large(world: &World, table: &mut Table) {
    let source = world.image("large", std::iter::once(vec![0; LARGE]));
    let target = format!("{}/large:1", world.registries[1].host());
    let run = measured::run(&ours(world, &source, &target));
    table.alone("promote a layer of 2 GiB: peak memory", "MiB", mib(run.peak), Some(32.0));
}

/// A row beside the faster peer, and one line about all of them.
fn beside(table: &mut Table, what: &str, unit: &str, sides: &[(&str, Copy)], values: &[f64], bound: f64) {
    for ((side, _), value) in sides.iter().zip(values) {
        println!("{what}: {side} {value:.1} {unit}");
    }
    let fastest = values[1..].iter().copied().fold(f64::INFINITY, f64::min);
    table.beside(what, unit, values[0], fastest, bound);
}

/// The runs of each side, in turns.
fn in_turns(sides: &[(&str, Copy)], count: usize, command: impl Fn(Copy) -> Command) -> Vec<Vec<Run>> {
    let mut runs = vec![Vec::new(); sides.len()];
    for round in 0..WARM_UP + count {
        for (side, runs) in sides.iter().zip(&mut runs) {
            let run = measured::run(&command(side.1));
            if round >= WARM_UP {
                runs.push(run);
            }
        }
    }
    runs
}

fn middle(runs: &[Run], value: impl Fn(&Run) -> f64) -> f64 {
    median(&runs.iter().map(value).collect::<Vec<_>>())
}

fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

impl World {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let registries = [Registry::start(), Registry::start()];
        Self { runtime, registries, files: tempfile::tempdir().unwrap(), names: AtomicUsize::new(0) }
    }

    /// A name that was not given before.
    fn name(&self) -> String {
        format!("name-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes an image of `layers` to the first registry. Returns its reference.
    fn image(&self, name: &str, layers: impl Iterator<Item = Vec<u8>>) -> String {
        let repository = Repository::new(self.registries[0].host(), name);
        self.runtime.block_on(async {
            let config = repository
                .blob(b"{\"architecture\": \"amd64\", \"os\": \"linux\"}".to_vec(), CONFIG_TYPE)
                .await;
            let mut described = Vec::new();
            for layer in layers {
                described.push(repository.blob(layer, LAYER_TYPE).await);
            }
            let manifest =
                json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": described});
            repository.manifest("1", MANIFEST, &manifest).await;
        });
        format!("{}:1", repository.name)
    }

    /// The round trips of a retag by `copy`.
    fn round_trips(&self, copy: Copy) -> f64 {
        let relay = self.runtime.block_on(RoundTripRelay::start(self.registries[0].host()));
        let name = format!("{}/retag", relay.host());
        measured::run(&copy(self, &format!("{name}:1"), &format!("{name}:{}", self.name())));
        relay.take().len() as f64
    }
}

fn ours(world: &World, source: &str, target: &str) -> Command {
    let file = world.files.path().join(format!("{}.json", world.name()));
    std::fs::write(&file, json!({"push": {"source": source, "targets": target}}).to_string()).unwrap();
    let mut command = Command::new(binary());
    command.arg("run").arg(file);
    command
}

fn crane(_: &World, source: &str, target: &str) -> Command {
    let mut command = Command::new(bin::testbed("crane"));
    command.args(["copy", source, target]);
    command
}

fn regctl(_: &World, source: &str, target: &str) -> Command {
    let mut command = Command::new(bin::testbed("regctl"));
    for image in [source, target] {
        let host = image.split('/').next().unwrap();
        command.args(["--host", &format!("reg={host},tls=disabled")]);
    }
    command.args(["image", "copy", source, target]);
    command
}

/// skopeo remembers in which repositories it has seen a layer, for all users of the machine, and mounts it from there. Each run begins
/// without that memory, which the other programs do not have.
fn skopeo(_: &World, source: &str, target: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs none /var/lib && exec \"$@\"",
        "sh",
    ]);
    command.arg(bin::system("skopeo", "skopeo"));
    command.args(["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"]);
    command.args([format!("docker://{source}"), format!("docker://{target}")]);
    command
}
