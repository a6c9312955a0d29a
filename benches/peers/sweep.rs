//! The sweep: how long `poll` takes over two hundred repositories, and whether its memory grows with them.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::measured::{self, Run};
use super::support::argo::install_crds;
use super::support::git::GitServer;
use super::support::kube::{Identity, Kube};
use super::support::registry::Registry;
use super::table::{Table, median, mib, ms};
use super::world::binary;

/// Repositories, and how many of them are swept for the memory of few.
const MANY: usize = 200;
const FEW: usize = 20;
/// Runs that are counted; one before them is not.
const RUNS: usize = 5;

/// The servers, with the repositories and images of all services.
struct World {
    kube: &'static Kube,
    git: GitServer,
    registry: Registry,
    files: tempfile::TempDir,
}

pub(crate) fn measure(table: &mut Table) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let world = World::start().await;
        let many = world.runs("built", MANY).await;
        let few = world.runs("built", FEW).await;
        let wall = |runs: &[Run]| median(&runs.iter().map(|run| ms(run.wall) / 1e3).collect::<Vec<_>>());
        let peak = |runs: &[Run]| median(&runs.iter().map(|run| mib(run.peak)).collect::<Vec<_>>());
        table.alone(&format!("sweep of {MANY} repositories, all built"), "s", wall(&many), Some(10.0));
        table.alone(&format!("sweep of {MANY} repositories: peak memory"), "MiB", peak(&many), None);
        let what = format!("sweep of {MANY} repositories: peak memory, beside {FEW}");
        table.beside(&what, "MiB", peak(&many), peak(&few), 1.25);
        let missing = world.runs("missing", MANY).await;
        table.alone(&format!("sweep of {MANY} repositories, none built"), "s", wall(&missing), Some(10.0));
    });
}

impl World {
    async fn start() -> Self {
        let kube = Kube::shared().await;
        install_crds(kube).await;
        let world = Self {
            kube,
            git: GitServer::start("", ""),
            registry: Registry::start(),
            files: tempfile::tempdir().unwrap(),
        };
        let commit = world.git.create("service-0", &[("Dockerfile", "FROM scratch\n")]);
        for nth in 0..MANY {
            if nth > 0 {
                copy(&world.git.path("service-0"), &world.git.path(&format!("service-{nth}")));
            }
            world.registry.push_empty(&format!("built/service-{nth}"), &commit).await;
        }
        world
    }

    /// Sweeps the first `count` repositories, whose images are below `path`. Each run has a namespace of its own, so that every run
    /// finds the same.
    async fn runs(&self, path: &str, count: usize) -> Vec<Run> {
        let services: Vec<Value> = (0..count)
            .map(|nth| {
                json!({
                    "name": format!("service-{nth}"), "repo": self.git.url(&format!("service-{nth}")), "branches": "main",
                    "image": format!("{}/{path}/service-{nth}", self.registry.host()), "workflow": {"template": "build"},
                })
            })
            .collect();
        let file = self.files.path().join("sweep.yaml");
        std::fs::write(&file, json!({"poll": {"services": services}}).to_string()).unwrap();
        let mut runs = Vec::new();
        for nth in 0..=RUNS {
            let namespace = format!("sweep-{path}-{count}-{nth}");
            self.kube.namespace(&namespace).await;
            runs.push(tokio::task::block_in_place(|| measured::run(&self.command(&file, &namespace))));
        }
        runs.split_off(1)
    }

    fn command(&self, file: &Path, namespace: &str) -> Command {
        let mut command = Command::new("env");
        command.arg(format!("KUBECONFIG={}", self.kube.kubeconfig(Identity::Admin).display()));
        command.arg(binary()).args(["run", "--namespace", namespace]).arg(file);
        command
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}
