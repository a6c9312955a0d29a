//! Thirty-two processes commit to one branch of a real Gitea at the same time, and some of them are killed.

#![expect(
    clippy::print_stdout,
    reason = "what happened differs from run to run, and is shown when a test fails"
)]

use std::process::Command;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::support::gitea::{Gitea, Repo, git};
use crate::support::plugin::tree;
use crate::support::process::Process;
use crate::support::shared::shared_gitea;

const WRITERS: usize = 32;

/// A branch, and what a writer needs to commit to it.
struct Site {
    repo: Repo<'static>,
    files: tempfile::TempDir,
}

impl Site {
    async fn open() -> Self {
        let gitea: &'static Gitea = spawn_blocking(shared_gitea).await.unwrap();
        let owner = gitea.user("writers").await;
        let repo = gitea.repo(&owner, "gitops").await;
        let shared: String = (0..WRITERS).map(|n| format!("  app{n}: old # of writer {n}\n")).collect();
        let names: Vec<String> = (0..WRITERS).map(own_file).collect();
        let shared = format!("tags:\n{shared}");
        let mut files = vec![("values.yaml", shared.as_str())];
        files.extend(names.iter().map(|name| (name.as_str(), "image:\n  tag: old\n")));
        repo.push_directory(tree(&files).path(), "main", "lay out").await;
        let token = gitea.token(&owner, &["write:repository"]).await;
        let files = tree(&[("secrets/git/username", &owner), ("secrets/git/token", &token)]);
        Self { repo, files }
    }

    /// Starts writer `n`. In one commit it edits its own file, and its own key of the shared file.
    fn start(&self, n: usize, run: &str) -> Process {
        let step = self.files.path().join(format!("step-{n}.yaml"));
        std::fs::write(&step, self.step(n).to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
        command.env_clear().env("PATH", std::env::var("PATH").unwrap()).env("ARGO_BUILDKIT_LOG", "info");
        // A killed writer leaves temporary files; they are removed with the test's directory.
        command.env("TMPDIR", self.files.path()).arg("run").arg(&step);
        command.arg("--secrets-dir").arg(self.files.path().join("secrets"));
        Process::spawn("argo-buildkit run", command, &self.files.path().join(format!("log-{n}-{run}")))
    }

    fn step(&self, n: usize) -> Value {
        let targets = [
            json!({"file": own_file(n), "helm": {"image.tag": value(n)}}),
            json!({"file": "values.yaml", "helm": {format!("tags.app{n}"): value(n)}}),
        ];
        let (repo, message) = (self.repo.url(), subject(n));
        json!({"update-manifest": {"repo": repo, "secret": "git", "message": message, "targets": targets}})
    }

    /// The number of commits on the branch, read from the server's disk.
    fn length(&self) -> usize {
        git(&self.repo.disk(), &["rev-list", "--count", "main"], None).trim().parse().unwrap()
    }

    /// Checks that all edits are there and that each was committed once.
    async fn expect_each_once(&self) {
        let shared: String =
            (0..WRITERS).map(|n| format!("  app{n}: {} # of writer {n}\n", value(n))).collect();
        assert_eq!(self.repo.read("main", "values.yaml").await.unwrap(), format!("tags:\n{shared}"));
        for n in 0..WRITERS {
            let own = self.repo.read("main", &own_file(n)).await.unwrap();
            assert_eq!(own, format!("image:\n  tag: {}\n", value(n)));
        }
        let commits = self.repo.commits("main").await;
        let mut subjects: Vec<String> =
            commits.iter().map(|commit| commit.message.lines().next().unwrap().to_owned()).collect();
        assert_eq!(subjects.pop().unwrap(), "lay out", "the oldest is still there");
        let mut wanted: Vec<String> = (0..WRITERS).map(subject).collect();
        subjects.sort();
        wanted.sort();
        assert_eq!(subjects, wanted, "one commit each");
        assert!(commits.iter().all(|commit| commit.parents.len() <= 1), "no merge");
    }
}

fn own_file(n: usize) -> String {
    format!("apps/app{n}/values.yaml")
}

fn value(n: usize) -> String {
    format!("v{n}")
}

fn subject(n: usize) -> String {
    format!("writer {n} sets its tag")
}

/// The value that a writer printed for the output `name`.
fn printed(log: &str, name: &str) -> String {
    let line = log.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in:\n{log}")).to_owned()
}

/// The number of attempts of a writer: the lost ones in its log, and the last one.
fn tries(log: &str) -> usize {
    log.lines().filter(|line| line.contains("commit did not land")).count() + 1
}

/// Waits for a writer that must succeed; returns its log.
async fn finish(mut writer: Process) -> String {
    let (status, log) = spawn_blocking(move || (writer.wait(), writer.log())).await.unwrap();
    assert_eq!(status.code(), Some(0), "{log}");
    log
}

#[tokio::test]
async fn thirty_two_processes_on_one_branch_all_land_once() {
    let site = Site::open().await;
    let writers: Vec<Process> = (0..WRITERS).map(|n| site.start(n, "first")).collect();
    let mut logs = Vec::new();
    for writer in writers {
        logs.push(finish(writer).await);
    }
    site.expect_each_once().await;
    let on_branch: Vec<String> = site.repo.commits("main").await.into_iter().map(|c| c.sha).collect();
    for log in &logs {
        assert_eq!(printed(log, "changed"), "true");
        assert!(on_branch.contains(&printed(log, "commit")), "{log}");
    }
    let mut tries: Vec<usize> = logs.iter().map(|log| tries(log)).collect();
    tries.sort_unstable();
    println!("tries of each writer: {tries:?}");
    // Each lost attempt is caused by another writer's commit, and there are no more commits than writers.
    assert!(tries.iter().all(|tries| *tries <= WRITERS), "{tries:?}");
}

/// When a writer is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After it has printed this many lines.
    Lines(usize),
    /// When the branch has this many commits.
    Commits(usize),
}

/// A pseudo-random sequence with a fixed seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn moment(&mut self) -> Moment {
        if self.roll(2) == 0 { Moment::Lines(1 + self.roll(4)) } else { Moment::Commits(1 + self.roll(12)) }
    }
}

/// Kills each writer at its moment; returns how many were still running.
fn kill_at_their_moments(site: &Site, writers: &mut [Process], mut victims: Vec<(usize, Moment)>) -> usize {
    let mut killed = 0;
    while !victims.is_empty() {
        let length = site.length();
        victims.retain(|(n, moment)| {
            let writer = &mut writers[*n];
            let ended = writer.ended().is_some();
            let come = match moment {
                Moment::Lines(lines) => writer.log().lines().count() >= *lines,
                Moment::Commits(commits) => length >= *commits,
            };
            if come && !ended {
                writer.kill();
                killed += 1;
            }
            !come && !ended
        });
    }
    killed
}

#[tokio::test]
async fn killed_writers_that_run_again_lose_and_double_nothing() {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let site = Site::open().await;
    let mut order: Vec<usize> = (0..WRITERS).collect();
    (1..WRITERS).rev().for_each(|last| order.swap(last, dice.roll(last + 1)));
    let victims: Vec<(usize, Moment)> = order[..WRITERS / 2].iter().map(|n| (*n, dice.moment())).collect();
    let mut writers: Vec<Process> = (0..WRITERS).map(|n| site.start(n, "first")).collect();
    let killed = kill_at_their_moments(&site, &mut writers, victims.clone());
    println!("killed {killed} of {victims:?}");
    assert!(killed > 0, "somebody was still running");
    for (n, writer) in writers.into_iter().enumerate() {
        if victims.iter().all(|(victim, _)| *victim != n) {
            finish(writer).await;
        }
    }
    let before = site.length();
    let again: Vec<Process> = victims.iter().map(|(n, _)| site.start(*n, "again")).collect();
    let mut changed = 0;
    for writer in again {
        changed += usize::from(printed(&finish(writer).await, "changed") == "true");
    }
    site.expect_each_once().await;
    assert!(before + changed <= site.length(), "who says that it changed something made a commit");
    println!("{changed} of the {} that ran again had something left to do", victims.len());
}
