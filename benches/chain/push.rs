//! `ONLY='push 5'`: from a push to the manifest's commit. Gitea's hook goes to Argo Events, or to Tekton Triggers. With `healthy`, also to
//! the pod that runs the image.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::{self, Watch};
use crate::cluster::kubectl;
use crate::contender::Contender;
use crate::healthy::{self, Watches};
use crate::hooks::Hooks;
use crate::settings::Settings;
use crate::shared_agent;
use crate::shop::Shop;
use crate::table::{Table, median};
use crate::timed::{settle, until};

/// Those that a push starts, each with the goal of its ratio to the last.
const WAYS: [(Contender, Option<f64>); 3] =
    [(Contender::AgentOneNode, Some(0.15)), (Contender::OneNode, Some(0.45)), (Contender::Tekton, None)];

/// What one push took, from when the server had answered it.
struct Pushed {
    /// Until the Workflow or the PipelineRun was there.
    run: Duration,
    /// Until the manifest's branch moved.
    commit: Duration,
    /// Until the image ran, if that was watched.
    healthy: Option<Healthy>,
}

/// What a deployment took, from the same time.
#[derive(Clone, Copy)]
struct Healthy {
    /// Until the pod was ready.
    ready: Duration,
    /// Until the step said so; without one, the same.
    said: Duration,
}

/// All runs.
#[derive(Default)]
struct Report(Vec<(Contender, Pushed)>);

/// All in turns, one at a time, and one of each before that is not counted. With `healthy`, without sidecars.
pub(crate) async fn measure(runs: usize, shop: &Shop, healthy: bool) {
    Settings::Ours.apply();
    if healthy {
        healthy::install(shop).await;
    }
    let hooks = Hooks::install(shop, healthy).await;
    hooks.heard().await;
    let mut report = Report::default();
    for number in 0..=runs {
        for (contender, _) in WAYS.into_iter().filter(|way| !healthy || !way.0.has_sidecar()) {
            shared_agent::switch(contender.has_agent());
            let pushed = push(contender, shop, &hooks, healthy).await;
            println!("push {number} {contender}: {pushed}");
            if number > 0 {
                report.0.push((contender, pushed));
            }
        }
    }
    println!("{report}");
}

async fn push(contender: Contender, shop: &Shop, hooks: &Hooks, healthy: bool) -> Pushed {
    hooks.only(contender).await;
    let client = api::client().await;
    let runs = Watch::begin(&client, &contender.path()).await;
    let watches = if healthy { Some(Watches::begin(&client).await) } else { None };
    let before = shop.deployed();
    let revision = shop.change().await;
    let began = Instant::now();
    let builds_it = |run: &Value| run["spec"].to_string().contains(&revision);
    let (seen, _) = until(|| runs.seen.first(builds_it), &revision).await;
    let commit = until(|| (shop.deployed() != before).then(Instant::now), &revision).await;
    let ended = |run: &Value| builds_it(run) && contender.ended(run).is_some();
    let (_, last) = until(|| runs.seen.first(ended), &revision).await;
    assert_eq!(contender.ended(&last), Some(true), "{revision}: {}", last["status"]);
    let mut healthy = None;
    if let Some(watches) = watches {
        let deployed = watches.deployed(contender, &revision, &last).await;
        healthy = Some(Healthy { ready: deployed.ready - began, said: deployed.said - began });
    }
    kubectl(&["delete", "-n", contender.namespace(), contender.resource(), "--all"]);
    settle(contender);
    Pushed { run: seen.saturating_duration_since(began), commit: commit - began, healthy }
}

impl Report {
    fn middle(&self, contender: Contender, time: fn(&Pushed) -> Duration) -> f64 {
        let of = self.0.iter().filter(|run| run.0 == contender);
        median(&of.map(|run| time(&run.1).as_secs_f64()).collect::<Vec<_>>())
    }

    /// The median of a time of deployments; `None` if they were not watched.
    fn healthy(&self, contender: Contender, time: fn(Healthy) -> Duration) -> Option<f64> {
        let of = self.0.iter().filter(|run| run.0 == contender);
        let times: Vec<_> = of.filter_map(|run| Some(time(run.1.healthy?).as_secs_f64())).collect();
        (!times.is_empty()).then(|| median(&times))
    }

    /// The rows about deployments.
    fn deployments(&self, table: &mut Table) {
        let ours = Contender::AgentOneNode;
        let said = self.healthy(ours, |healthy| healthy.said);
        let late = self.healthy(ours, |healthy| healthy.said.saturating_sub(healthy.ready));
        let peer = self.healthy(Contender::Tekton, |healthy| healthy.ready);
        if let (Some(said), Some(late), Some(peer)) = (said, late, peer) {
            table.alone(&format!("pod ready to Healthy said: {ours}"), "ms", late * 1e3, Some(300.0));
            let what = format!("push to Healthy: {ours} beside Tekton with Triggers and a polling Argo CD");
            table.beside(&what, "s", said, peer, 1.0);
        }
    }
}

impl fmt::Display for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {:.2} s, commit {:.2} s", self.run.as_secs_f64(), self.commit.as_secs_f64())?;
        if let Some(Healthy { ready, said }) = self.healthy {
            write!(f, ", pod ready {:.2} s, said {:.2} s", ready.as_secs_f64(), said.as_secs_f64())?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::default();
        let peer = self.middle(Contender::Tekton, |pushed| pushed.commit);
        let has_run = |way: &(Contender, Option<f64>)| self.0.iter().any(|run| run.0 == way.0);
        for (contender, goal) in WAYS.into_iter().filter(has_run) {
            let commit = self.middle(contender, |pushed| pushed.commit);
            let run = self.middle(contender, |pushed| pushed.run);
            table.alone(&format!("push to its run: {contender}"), "s", run, None);
            if let Some(goal) = goal {
                let what = format!("push to the commit: {contender} beside Tekton with Triggers");
                table.beside(&what, "s", commit, peer, goal);
            }
        }
        self.deployments(&mut table);
        writeln!(f, "\n{table}")
    }
}
