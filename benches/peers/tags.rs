//! A thousand tags with their dates, beside what people do with crane and regctl; and what a plan of a cleanup costs.

use std::path::PathBuf;
use std::process::Command;

use futures_util::StreamExt as _;
use serde_json::json;

use super::measured::{self, Run};
use super::support::bin;
use super::support::images::Repository;
use super::support::registry::Registry;
use super::support::registry_front::RegistryFront;
use super::table::{Table, median, mib, ms};
use super::world::binary;

const MANY: usize = 1000;
const FEW: usize = 100;
/// Runs of each side that are counted; one before them is not.
const RUNS: usize = 5;
/// How many processes of a peer run at the same time.
const AT_A_TIME: usize = 8;

/// A registry with two repositories, and a directory for the steps.
struct World {
    registry: Registry,
    files: tempfile::TempDir,
}

pub(crate) fn compare(table: &mut Table) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = World { registry: Registry::start(), files: tempfile::tempdir().unwrap() };
    runtime.block_on(world.fill());
    world.dates(table);
    world.plans(&runtime, table);
}

impl World {
    async fn fill(&self) {
        let host = self.registry.host();
        for count in [FEW, MANY] {
            let repository = Repository::new(host, &format!("tags-{count}"));
            let write = |n: usize| {
                let repository = repository.clone();
                async move {
                    let created =
                        format!("2026-{:02}-{:02}T10:00:{:02}.5Z", n / 28 % 12 + 1, n % 28 + 1, n % 60);
                    repository.dated(&format!("1.{n}.0"), &created, json!({"n": n.to_string()})).await;
                }
            };
            futures_util::stream::iter((0..count).map(write)).buffer_unordered(8).collect::<Vec<()>>().await;
        }
    }

    fn name(&self, count: usize) -> String {
        format!("{}/tags-{count}", self.registry.host())
    }

    /// The newest of all tags: each tag's date is read.
    fn dates(&self, table: &mut Table) {
        let name = self.name(MANY);
        let sides = [("ours", ours(&name)), ("crane", crane(&name)), ("regctl", regctl(&name))];
        let mut runs = vec![Vec::new(); sides.len()];
        for round in 0..=RUNS {
            for ((_, command), runs) in sides.iter().zip(&mut runs) {
                let run = measured::run(command);
                if round > 0 {
                    runs.push(run);
                }
            }
        }
        let walls: Vec<f64> = runs.iter().map(|runs| middle(runs, |run| ms(run.wall))).collect();
        for ((side, _), wall) in sides.iter().zip(&walls) {
            println!("{MANY} tags with dates: {side} {wall:.0} ms");
        }
        table.beside(&format!("{MANY} tags with dates: wall"), "ms", walls[0], walls[1].min(walls[2]), 0.5);
        table.alone(
            &format!("{MANY} tags with dates: peak memory"),
            "MiB",
            middle(&runs[0], |run| mib(run.peak)),
            None,
        );
    }

    fn plans(&self, runtime: &tokio::runtime::Runtime, table: &mut Table) {
        for (what, delete) in
            [("versions", json!({"keep": 10})), ("dates", json!({"keep": 10, "older-than": "30d"}))]
        {
            let front = runtime.block_on(RegistryFront::start(self.registry.host(), |_| None));
            let behind = format!("{}/tags-{MANY}", front.host());
            measured::run(&self.plan(&behind, &delete));
            let each = front.seen().len() as f64 / MANY as f64;
            let bound = (what == "versions").then_some(1.1);
            table.alone(
                &format!("cleanup plan of {MANY} tags by {what}: requests for each"),
                "",
                each,
                bound,
            );
        }
        let peak = |count: usize| {
            let runs: Vec<_> = (0..RUNS)
                .map(|_| measured::run(&self.plan(&self.name(count), &json!({"keep": 10}))))
                .collect();
            middle(&runs, |run| mib(run.peak))
        };
        table.beside(
            &format!("cleanup plan of {MANY} tags: peak memory, beside {FEW}"),
            "MiB",
            peak(MANY),
            peak(FEW),
            1.25,
        );
    }

    fn plan(&self, image: &str, delete: &serde_json::Value) -> Command {
        let file: PathBuf = self.files.path().join("plan.json");
        let step = json!({"tags": {"image": image, "filter": {"semver": "*"}, "delete": delete}});
        std::fs::write(&file, step.to_string()).unwrap();
        let mut command = Command::new(binary());
        command.arg("run").arg(file);
        command
    }
}

fn ours(name: &str) -> Command {
    let mut command = Command::new(binary());
    command.args(["tags", name, "--sort", "created", "--details"]);
    command
}

/// crane prints the whole config, in which the date is.
fn crane(name: &str) -> Command {
    let crane = bin::testbed("crane").display().to_string();
    shell(&format!("{crane} ls {name} | xargs -P {AT_A_TIME} -I TAG {crane} config {name}:TAG"))
}

fn regctl(name: &str) -> Command {
    let host = name.split('/').next().unwrap();
    let regctl = format!("{} --host reg={host},tls=disabled", bin::testbed("regctl").display());
    let format = "'{{.Created}}'";
    shell(&format!(
        "{regctl} tag ls {name} | xargs -P {AT_A_TIME} -I TAG {regctl} image config --format {format} {name}:TAG"
    ))
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-c", line]);
    command
}

fn middle(runs: &[Run], value: impl Fn(&Run) -> f64) -> f64 {
    median(&runs.iter().map(value).collect::<Vec<_>>())
}
