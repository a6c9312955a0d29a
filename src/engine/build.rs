//! `build`: builds an image from a Git context and pushes it.

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

use std::pin::pin;
use std::time::Instant;

use futures_util::future::{maybe_done, pending};
use tokio::time::sleep;

use super::Engine;
use super::context::Cx;
use crate::buildkit::{Solve, Transcript};
use crate::outcome::{StepError, Success};
use crate::step::Build;
use inputs::Inputs;
use place::Place;
use report::BuildResult;
use report::Cache;
use search::{Name, Search};
use solve::Built;
pub(super) use solve::shown;

pub(super) async fn run(engine: &Engine, build: &Build, cx: &Cx) -> Result<Success, StepError> {
    let started = Instant::now();
    // First prove the caller's right to read the commits, because the daemon gives them to any client. Until then only connect.
    let wanted = place::wanted(build, cx);
    let mut connecting = pin!(maybe_done(engine.pool.connect_early(&wanted)));
    let mut inputs = beside(Box::pin(Inputs::gather(engine, build, cx)), connecting.as_mut()).await?;
    cx.now("starting the build");
    connecting.as_mut().await;
    // Without this connection, the solve connects with retries, and reports the error.
    let early = connecting.take_output().flatten();
    let open = early.map(|(member, connection)| (member, connection.into_connection()));
    let transcript = log::transcript(engine, build, cx);
    let mut request = request::image(build, &inputs);
    if build.skip_if_exists {
        let marker = earlier::marker(build, &request);
        if let Some(digest) = Box::pin(earlier::find(engine, build, &inputs, &marker, cx)).await {
            return Ok(report::skipped(build, &inputs, digest, started.elapsed()));
        }
        request::mark(&mut request, &marker);
    }
    let similar = cache_miss::mark(&mut request, build, &inputs, cx);
    let place = Place::default();
    let name = Name::new(cx, &inputs.sha);
    let search = Search { engine, cx, wanted: &wanted, place: &place, name };
    let own_name = search.name.base().to_owned();
    let earlier = cache_miss::read(engine, &place, build, similar, own_name, inputs.sha.clone(), cx);
    let earlier = Box::pin(earlier);
    let mut earlier = pin!(maybe_done(earlier));
    let reading = async {
        place.member().await;
        sleep(cache_miss::DELAY).await;
        earlier.as_mut().await;
    };
    // Each phase on the heap: the step then holds the memory of one phase, not of all.
    let solving = Box::pin(solve::resumable(&search, open, &mut request, &inputs, &transcript));
    let mut built = beside(solving, reading).await;
    if let Err(error) = built {
        let again = Failed { error, request: &mut request, inputs: &mut inputs, search };
        built = Box::pin(without_bad_caches(again, &transcript)).await;
    }
    let built = match built {
        Ok(built) => built,
        Err(error) => {
            drop(place.leave());
            return Err(Box::pin(log::keep(engine, build, &inputs, &transcript, error, cx)).await);
        }
    };
    let solved = &built.solved;
    engine.metrics.vertices(solved.cached_steps.into(), solved.total_steps.into());
    report::spans(&solved.vertices, cx);
    let upload = Box::pin(log::attach(engine, build, &inputs, &built, &transcript, cx)).await;
    let log = upload.as_ref().map(|upload| upload.reference.clone()).unwrap_or_default();
    cx.set_log_upload(upload);
    let exporting = Instant::now();
    let export = async {
        let exported = Box::pin(cache::export(engine, build, &inputs, &built, cx)).await;
        (exported, exporting.elapsed())
    };
    let explained = async {
        if !cache_miss::is_of_interest(build, &built) {
            return String::new();
        }
        earlier.as_mut().await;
        match earlier.as_mut().take_output().flatten() {
            Some(earlier) => cache_miss::explain(build, &inputs, &built, &request.attrs, &earlier),
            None => String::new(),
        }
    };
    let ((exported, wrote), miss) = tokio::join!(export, explained);
    let cache = exported.as_ref().map_or_else(|e| Cache::Failed(e.message.clone()), Clone::clone);
    let took = started.elapsed();
    let result = BuildResult { build, inputs: &inputs, solved, cache: &cache, wrote, miss, log, took };
    let success = report::success(&result, cx)?;
    match exported {
        Ok(_) => Ok(success),
        // The image was pushed, so the error keeps all outputs of the step.
        Err(mut error) => {
            error.outputs = success.outputs.into_iter().chain(error.outputs).collect();
            cx.settle(&mut error.outputs).await;
            Err(error)
        }
    }
}

/// A build that failed.
struct Failed<'a> {
    error: StepError,
    request: &'a mut Solve,
    inputs: &'a mut Inputs,
    search: Search<'a>,
}

/// Builds again without the caches that the error is about, because a cache is optional; and then without any cache, if that did not
/// help. Returns the error if it is about no cache.
async fn without_bad_caches(failed: Failed<'_>, transcript: &Transcript) -> Result<Built, StepError> {
    let Failed { mut error, request, inputs, mut search } = failed;
    for all in [false, true] {
        let bad = inputs.imports.leave_out(&error, all);
        if bad.is_empty() {
            break;
        }
        for cache in bad {
            let image = cache.image.to_string();
            transcript.say(&format!("building again without the cache {image}"));
            request.cache_from.retain(|from| from.attrs.get("ref") != Some(&image));
        }
        search.name = search.name.after_failure();
        match Box::pin(solve::resumable(&search, None, request, inputs, transcript)).await {
            Ok(built) => return Ok(built),
            Err(other) => error = other,
        }
    }
    Err(error)
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
