//! `push`: copies an image to other repositories, and moves tags to it.

mod copy;
mod place;
mod report;
mod tags;

use std::pin::pin;
use std::time::{Duration, Instant};

use super::Engine;
use super::context::Cx;
use crate::oci::{Auth, CopyProgress};
use crate::outcome::{StepError, Success};
use crate::progress::Progress;
use crate::step::Push;
use place::Logins;
use report::megabytes;

/// How often the progress is reported.
const REPORTED: Duration = Duration::from_millis(500);

pub(super) async fn run(engine: &Engine, push: &Push, cx: &Cx) -> Result<Success, StepError> {
    let started = Instant::now();
    cx.now(format!("reading {}", push.source.image));
    let logins = logins(engine, push, cx).await?;
    let progress = CopyProgress::default();
    let registry = engine.registry.of(engine.tenancy.tenant(&cx.workflow));
    let copy = Box::pin(copy::run(engine, &registry, push, &logins, &progress, cx));
    let copied = reporting(copy, &progress, cx).await;
    engine.metrics.copied(progress.copied(), progress.mounted(), progress.present());
    Ok(report::success(push, &copied?, &progress, started.elapsed()))
}

async fn logins(engine: &Engine, push: &Push, cx: &Cx) -> Result<Logins, StepError> {
    let target = engine.registry_auth(cx, push.registry_secret.as_ref()).await?;
    let source: Option<Auth> = match &push.source_registry_secret {
        Some(secret) => Some(engine.registry_auth(cx, Some(secret)).await?),
        None => None,
    };
    Ok(Logins { source: source.unwrap_or_else(|| target.clone()), target })
}

/// Returns the result of `copy`. Reports its progress meanwhile.
async fn reporting<T>(copy: impl Future<Output = T>, progress: &CopyProgress, cx: &Cx) -> T {
    let (mut copy, mut last) = (pin!(copy), 0);
    loop {
        tokio::select! {
            done = &mut copy => return done,
            () = tokio::time::sleep(REPORTED) => {}
        }
        let copied = progress.copied();
        if copied != last {
            let now = format!("copying: {} of {}", megabytes(copied), megabytes(progress.wanted()));
            cx.report(Progress { now, notes: vec![format!("{} mounted", progress.mounted())] });
            last = copied;
        }
    }
}
