//! `sync`: waits until a commit is deployed and its images run, with Argo CD or without.

mod application;
mod commit_link;
mod look;
mod pods;
mod report;
mod revert;
mod rollout;
mod shared;
mod troubles;
mod wait_limit;
mod wait_progress;
mod workload;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};
use tokio::time::Instant;

use super::Engine;
use super::context::Cx;
use crate::metrics::DeploymentOutcome;
use crate::outcome::{StepError, Success};
use crate::step::Sync;
use report::Facts;
pub(super) use revert::reverted_by_node;
use shared::{Arrived, CommitFailure, Ended, Shared, Target};

pub(super) async fn run(engine: &Engine, sync: &Sync, cx: &Cx) -> Result<Success, StepError> {
    if !sync.enabled {
        return Ok(report::off());
    }
    let (began, shared) = (Instant::now(), Shared::new(engine, sync, cx));
    let ended = match &sync.superseded_by {
        Some(by) => Err(Ended::Superseded { name: None, by: by.clone() }),
        None => commit_link::beside(&shared, deployed(&shared)).await,
    };
    let facts = Facts { waited: began.elapsed(), remarks: shared.remarks() };
    match ended {
        Ok(arrived) => {
            engine.metrics.synced("healthy");
            Ok(report::healthy(&arrived, &facts))
        }
        Err(Ended::Superseded { name, by }) => {
            engine.metrics.synced("superseded");
            Ok(report::superseded(&by, name.as_deref(), &facts))
        }
        Err(Ended::Failed(error) | Ended::CommitFailure(CommitFailure { error, .. })) => {
            engine.metrics.synced(report::failure(&error));
            Err(error)
        }
    }
}

/// Waits for everything. If our commit fails, it is reverted where the step asks for that.
async fn deployed(shared: &Shared<'_>) -> Result<Vec<Arrived>, Ended> {
    if let Some(reverted) = revert::reverted_earlier(shared).await {
        return Err(Ended::Failed(reverted));
    }
    let targets: Vec<Target<'_>> = shared.targets().await?;
    match all(shared, &targets).await {
        Err(Ended::CommitFailure(failure)) => {
            Err(Ended::Failed(revert::after_failure(shared, &targets, failure).await))
        }
        ended => ended,
    }
}

/// Waits for everything at the same time. The first that fails or was superseded ends the others.
async fn all(shared: &Shared<'_>, targets: &[Target<'_>]) -> Result<Vec<Arrived>, Ended> {
    let mut waits: Vec<BoxFuture<'_, Result<Arrived, Ended>>> = Vec::new();
    for target in targets {
        let wait = application::follow(shared, target);
        waits.push(counted(shared, &target.application.name, wait).boxed());
    }
    for workload in &shared.sync.workloads {
        waits.push(counted(shared, &workload.name, workload::follow(shared, workload)).boxed());
    }
    try_join_all(waits).await
}

/// Counts the deployment of the Application or workload `name` when its wait has ended.
async fn counted(
    shared: &Shared<'_>,
    name: &str,
    wait: impl Future<Output = Result<Arrived, Ended>>,
) -> Result<Arrived, Ended> {
    let ended = wait.await;
    let outcome = match &ended {
        Ok(_) => DeploymentOutcome::Healthy,
        Err(Ended::Superseded { .. }) => DeploymentOutcome::Superseded,
        Err(Ended::CommitFailure(_)) => DeploymentOutcome::Failed,
        Err(Ended::Failed(error)) if report::is_failed(error) => DeploymentOutcome::Failed,
        Err(Ended::Failed(_)) => DeploymentOutcome::Error,
    };
    shared.engine.metrics.deployed(shared.tenant(), name, outcome, shared.cx.commit_date());
    ended
}
