//! `build`: a Git context to a pushed image.

mod absent;
mod cache;
mod ignored;
mod imports;
mod inputs;
mod lfs;
mod log;
mod platforms;
mod report;
mod request;
mod silence;
mod solve;
mod sources;
mod submodules;

use std::pin::pin;
use std::time::Instant;

use futures_util::future::{maybe_done, pending};

use super::Engine;
use super::context::Cx;
use crate::outcome::{StepError, Success};
use crate::step::Build;
use inputs::Inputs;
use report::Cache;
use report::Facts;

pub(super) async fn run(engine: &Engine, build: &Build, cx: &Cx) -> Result<Success, StepError> {
    let started = Instant::now();
    // The caller's right to read the commits is proven first: the daemon would hand them to anybody. It is only greeted.
    let mut greeting = pin!(maybe_done(engine.buildkit.connect()));
    let inputs = beside(Box::pin(Inputs::gather(engine, build, cx)), greeting.as_mut()).await?;
    cx.now("starting the build");
    greeting.as_mut().await;
    // Why there is none is found out again, with patience.
    let open = greeting.take_output().and_then(Result::ok);
    let transcript = log::transcript(engine, build, cx);
    let request = request::image(build, &inputs);
    let built = match solve::resumable(engine, open, request, &inputs, &transcript, cx).await {
        Ok(built) => built,
        Err(error) => return Err(log::keep(engine, build, &inputs, &transcript, error, cx).await),
    };
    let solved = &built.solved;
    engine.metrics.vertices(solved.cached_steps.into(), solved.total_steps.into());
    report::spans(&solved.vertices, cx);
    let attaching = log::attach(engine, build, &inputs, &built, &transcript, cx).await;
    let log = attaching.as_ref().map(|attaching| attaching.reference.clone()).unwrap_or_default();
    cx.put_aside(attaching);
    let exported = cache::export(engine, build, &inputs, &built, cx).await;
    let cache = exported.as_ref().map_or_else(|e| Cache::Failed(e.message.clone()), Clone::clone);
    let facts = Facts { build, inputs: &inputs, solved, cache: &cache, log, took: started.elapsed() };
    let success = report::success(&facts, cx)?;
    match exported {
        Ok(_) => Ok(success),
        // The image was pushed, so the step has all of its outputs.
        Err(mut error) => {
            error.outputs = success.outputs.into_iter().chain(error.outputs).collect();
            cx.settle(&mut error.outputs).await;
            Err(error)
        }
    }
}

/// What `work` comes to, while `other` goes on beside it; neither waits for the other.
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
