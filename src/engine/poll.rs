//! `poll`: looks at the branches and tags of many repositories, and submits the Workflows of those whose image is missing.
//!
//! It keeps nothing: the registry says what was built, and a Workflow of the same name says what was tried.

mod branch;
mod budget;
mod candidate;
mod commits;
mod group;
mod places;
mod polled;
mod report;
mod servers;
mod service;
mod submit;

use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use super::Engine;
use super::context::Cx;
use crate::git::Git;
use crate::kube::Submitter;
use crate::outcome::{StepError, Success};
use crate::step::Poll;
use group::Group;
use places::Places;
use report::Report;
use servers::Servers;

/// How many repositories are worked on at a time.
const REPOSITORIES: usize = 64;
/// How many heads the services work on at a time, some hundred bytes each.
const KEPT: usize = 50_000;

/// What all repositories of one run share.
struct Sweep<'a> {
    engine: &'a Engine,
    cx: &'a Cx,
    git: Git,
    submitter: Submitter,
    /// For the lists of branches and tags. Their turns are others than those for commits, because a list waits for a slot while
    /// services with a slot read commits.
    list_servers: Servers,
    git_servers: Servers,
    registries: Servers,
    api_servers: Servers,
    /// For repositories whose heads are kept.
    slots: Semaphore,
    /// For heads that services work on.
    room: Semaphore,
    report: Mutex<Report>,
    places: Mutex<Places>,
}

pub(super) async fn run(engine: &Engine, poll: &Poll, cx: &Cx) -> Result<Success, StepError> {
    if !poll.enabled {
        return Report::default().ended("polling is off");
    }
    let groups = Group::all(&poll.services);
    cx.now(format!("asking for the branches and tags of {} repositories", groups.len()));
    let submitter = engine.submitter(cx).await?;
    let sweep = Sweep {
        engine,
        cx,
        git: engine.tenant_git(cx),
        submitter,
        list_servers: Servers::default(),
        git_servers: Servers::default(),
        registries: Servers::default(),
        api_servers: Servers::default(),
        slots: Semaphore::new(REPOSITORIES),
        room: Semaphore::new(KEPT),
        report: Mutex::default(),
        places: Mutex::new(Places::of(groups.len())),
    };
    let (count, mut done) = (groups.len(), 0);
    let mut running: FuturesUnordered<_> =
        groups.iter().enumerate().map(|(nth, group)| sweep.group(nth, group)).collect();
    while running.next().await.is_some() {
        done += 1;
        sweep.with_places(Places::done);
        let told = sweep.with_report(|report| report.counts());
        cx.now(format!("{done} of {count} repositories: {told}"));
    }
    drop(running);
    let report = sweep.report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.results().into_iter().for_each(|(result, count)| engine.metrics.polled(result, count));
    engine.metrics.poll_ended(&cx.workflow.namespace);
    report.ended("nothing to poll")
}

impl Sweep<'_> {
    fn with_report<T>(&self, work: impl FnOnce(&mut Report) -> T) -> T {
        work(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_places<T>(&self, work: impl FnOnce(&mut Places) -> T) -> T {
        work(&mut self.places.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
