//! `build`: builds an image from a Git context and pushes it.

mod attached_report;
mod by_platform;
mod cache;
mod cache_miss;
mod cache_refs;
mod cache_tags;
mod dates;
mod earlier;
mod git_labels;
mod ignored;
pub(super) mod images;
mod imports;
mod inputs;
mod lfs;
mod log;
mod missing_files;
mod part;
mod place;
mod platforms;
mod report;
mod request;
mod search;
mod silence;
mod solve;
mod sources;
mod submodules;
mod totals;
mod whole;

use std::pin::pin;
use std::time::Instant;

use futures_util::future::{maybe_done, pending};

use super::Engine;
use super::context::Cx;
use crate::metrics::BuildOutcome;
use crate::outcome::{Fault, StepError, Success};
use crate::step::Build;
use inputs::Inputs;
use part::Work;
use report::{BuildResult, Cache};
pub(super) use solve::shown;
use whole::Done;

pub(super) async fn run(engine: &Engine, build: &Build, cx: &Cx) -> Result<Success, StepError> {
    let started = Instant::now();
    let ended = Box::pin(image(engine, build, cx, started)).await;
    let outcome = match &ended {
        Ok(success) if report::is_skipped(success) => BuildOutcome::Skipped,
        Ok(_) => BuildOutcome::Succeeded,
        Err(error) if error.fault == Fault::User => BuildOutcome::Failed,
        Err(_) => BuildOutcome::Error,
    };
    let name = build.tags.first().map(|tag| tag.image.name()).unwrap_or_default();
    engine.metrics.build_ended(&cx.workflow.namespace, &name, outcome, started.elapsed());
    ended
}

async fn image(engine: &Engine, build: &Build, cx: &Cx, started: Instant) -> Result<Success, StepError> {
    let wanted = place::wanted(build, cx);
    let by_platform = Box::pin(by_platform::is_needed(engine, build, &wanted, cx)).await?;
    // First prove the caller's right to read the commits, because the daemon gives them to any client. Until then only connect.
    let connecting = async { if by_platform { None } else { engine.pool.connect_early(&wanted).await } };
    let mut connecting = pin!(maybe_done(connecting));
    let gathering = Box::pin(Inputs::gather(engine, build, by_platform, cx));
    let inputs = beside(gathering, connecting.as_mut()).await?;
    if let Some(time) = inputs.main.time {
        cx.note_commit_date(time);
    }
    cx.now("starting the build");
    connecting.as_mut().await;
    // Without this connection, the solve connects with retries, and reports the error.
    let early = connecting.take_output().flatten();
    let open = early.map(|(member, connection)| (member, connection.into_connection()));
    let mut request = request::image(build, &inputs);
    if build.skip_if_exists {
        let marker = earlier::marker(build, &request);
        if let Some(digest) = Box::pin(earlier::find(engine, build, &inputs, &marker, cx)).await {
            return Ok(report::skipped(build, &inputs, digest, started.elapsed()));
        }
        request::mark(&mut request, &marker);
    }
    let work = Work { engine, build, inputs: &inputs, cx };
    let done = match by_platform {
        true => Box::pin(by_platform::run(work, &request, &wanted)).await?,
        false => Box::pin(whole::run(work, request, &wanted, open)).await?,
    };
    reported(work, done, started).await
}

/// The result of a step whose image was built. If the cache was not exported, that is an error with all outputs of the step, because the
/// image was pushed.
async fn reported(work: Work<'_>, done: Done, started: Instant) -> Result<Success, StepError> {
    let Work { engine, build, inputs, cx } = work;
    let Done { solved, left_out, log, exported, wrote, miss } = done;
    let cache = exported.as_ref().map_or_else(|e| Cache::Failed(e.message.clone()), Clone::clone);
    engine.metrics.caches_left_out(inputs.imports.left_out.len() + left_out.len());
    if cache != Cache::None {
        engine.metrics.cache_export_ended(cache.name());
    }
    let took = started.elapsed();
    let (solved, left_out, cache) = (&solved, &left_out[..], &cache);
    let result = BuildResult { build, inputs, solved, left_out, cache, wrote, miss, log, took };
    let success = report::success(&result, cx)?;
    match exported {
        Ok(_) => Ok(success),
        Err(mut error) => {
            error.outputs = success.outputs.into_iter().chain(error.outputs).collect();
            cx.settle(&mut error.outputs).await;
            Err(error)
        }
    }
}

/// Returns the result of `work`. Polls `other` meanwhile; neither waits for the other.
async fn beside<T>(work: impl Future<Output = T>, other: impl Future<Output = ()>) -> T {
    let endless = async {
        other.await;
        pending().await
    };
    tokio::select! {
        done = work => done,
        done = endless => done,
    }
}
