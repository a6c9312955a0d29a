//! `sync`: waits until a commit is deployed and its images run, with Argo CD or without.

mod application;
mod look;
mod pods;
mod report;
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
use crate::outcome::{StepError, Success};
use crate::step::Sync;
use report::Facts;
use shared::{Arrived, Ended, Shared, Target};

pub(super) async fn run(engine: &Engine, sync: &Sync, cx: &Cx) -> Result<Success, StepError> {
    if !sync.enabled {
        return Ok(report::off());
    }
    let (began, shared) = (Instant::now(), Shared::new(engine, sync, cx));
    let ended = match &sync.superseded_by {
        Some(by) => Err(Ended::Superseded { name: None, by: by.clone() }),
        None => all(&shared).await,
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
        Err(Ended::Failed(error)) => {
            engine.metrics.synced("failed");
            Err(error)
        }
    }
}

/// Waits for everything at the same time. The first that fails or was superseded ends the others.
async fn all(shared: &Shared<'_>) -> Result<Vec<Arrived>, Ended> {
    let targets: Vec<Target<'_>> = shared.targets().await?;
    let mut waits: Vec<BoxFuture<'_, Result<Arrived, Ended>>> = Vec::new();
    for target in &targets {
        waits.push(application::follow(shared, target).boxed());
    }
    for workload in &shared.sync.workloads {
        waits.push(workload::follow(shared, workload).boxed());
    }
    try_join_all(waits).await
}
