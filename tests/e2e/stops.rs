//! Early ends of a build: the workflow is stopped, terminated, deleted, or reaches its timeout.

use std::time::{Duration, Instant};

use crate::cluster::{PATIENCE, attempt, eventually, processes};
use crate::shop::Shop;
use crate::support::net::{second_after, unique};
use crate::workflow::{BUILDS, Workflow};

/// A build that runs until it is killed, with a process that no other build has.
pub(crate) struct Endless {
    shop: Shop,
    pub(crate) marker: String,
}

impl Endless {
    async fn open() -> Self {
        Self::with("FROM BASE\nRUN echo one > /one\nRUN sleep NUMBER\n").await
    }

    /// A build of a Dockerfile that runs `sleep NUMBER`.
    pub(crate) async fn with(dockerfile: &str) -> Self {
        let number = unique("7").replace('-', "") + &std::process::id().to_string();
        let shop = Shop::open(&dockerfile.replace("NUMBER", &number)).await;
        Self { shop, marker: format!("sleep {number}") }
    }

    /// Submits it, and waits until its process runs.
    pub(crate) fn start(&self, more: &[(&str, &str)]) -> Workflow {
        let workflow = self.shop.submit("ci-cd-buildkit-deploy", more);
        let runs = || self.runs().then_some(());
        eventually(|| format!("`{}` in {}", self.marker, workflow.report()), PATIENCE, runs);
        workflow
    }

    /// Whether its process runs.
    pub(crate) fn runs(&self) -> bool {
        !processes(&self.marker).is_empty()
    }

    /// Waits until its process is gone. Returns the time.
    pub(crate) fn gone(&self, after: &str) {
        let began = Instant::now();
        let limit = Duration::from_secs(60);
        eventually(
            || format!("the end of `{}` after {after}", self.marker),
            limit,
            || (!self.runs()).then_some(()),
        );
        println!("the build ran on for {:.1?} after {after}", began.elapsed());
    }
}

#[tokio::test]
async fn a_stopped_terminated_or_deleted_workflow_runs_nothing_on() {
    let endless = Endless::open().await;
    for verb in ["stop", "terminate", "delete"] {
        let workflow = endless.start(&[]);
        attempt("argo", &[verb, "-n", BUILDS, &workflow.name]).unwrap();
        endless.gone(verb);
    }
}

#[tokio::test]
async fn a_timeout_is_told_and_runs_nothing_on() {
    let endless = Endless::open().await;
    let workflow = endless.start(&[("timeout", "15s")]);
    assert_eq!(workflow.end(), "Failed", "{}", workflow.report());
    let message = workflow.node()["message"].to_string();
    assert!(message.contains("took longer than its timeout of 15 s"), "{message}");
    endless.gone("the timeout");
}

#[tokio::test]
async fn a_newer_push_supersedes_an_older_ones_build() {
    let endless = Endless::open().await;
    let older = endless.start(&[("concurrency", "supersede")]);
    // Of two workflows of one second, neither is the newer.
    second_after(older.object()["metadata"]["creationTimestamp"].as_str().unwrap()).await;
    endless.shop.service.commit_file("main", "Dockerfile", "FROM scratch\nCOPY main.txt /\n", "end").await;
    let newer = endless.shop.submit("ci-cd-buildkit-deploy", &[("concurrency", "supersede")]);
    endless.gone("a newer push");
    newer.succeeds();
    assert_eq!(older.end(), "Failed", "{}", older.report());
}

/// With a mutex of the whole workflow, the stopped workflow would get it, and sometimes keep it for ever.
#[tokio::test]
async fn a_build_that_is_stopped_in_the_queue_holds_nobody_up() {
    let endless = Endless::open().await;
    let first = endless.start(&[]);
    let queued = || {
        let workflow = endless.shop.submit("ci-cd-buildkit-deploy", &[]);
        workflow.says("Waiting for builds/Mutex/");
        workflow
    };
    let (stopped, next) = (queued(), queued());
    let stop = |workflow: &Workflow| attempt("argo", &["stop", "-n", BUILDS, &workflow.name]).unwrap();
    stop(&stopped);
    assert_eq!(stopped.end(), "Failed", "{}", stopped.report());
    stop(&first);
    next.says(&format!("RUN {}", endless.marker));
    stop(&next);
    endless.gone("the last stop");
}
