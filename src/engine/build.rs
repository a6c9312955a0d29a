//! `build`: a Git context to a pushed image.

mod cache;
mod imports;
mod inputs;
mod log;
mod report;
mod request;
mod solve;

use std::time::Instant;

use super::Engine;
use super::context::Cx;
use crate::outcome::{StepError, Success};
use crate::step::Build;
use inputs::Inputs;
use report::Facts;

pub(super) async fn run(engine: &Engine, build: &Build, cx: &Cx) -> Result<Success, StepError> {
    let started = Instant::now();
    // The caller's right to read the commits is proven first: the daemon would hand them to anybody.
    let inputs = Inputs::gather(engine, build, cx).await?;
    cx.now("starting the build");
    let transcript = log::transcript(engine, build, cx);
    let built = match solve::resumable(engine, request::image(build, &inputs), &inputs, &transcript, cx).await
    {
        Ok(built) => built,
        Err(error) => return Err(log::keep(engine, build, &inputs, &transcript, error, cx).await),
    };
    let solved = &built.solved;
    engine.metrics.vertices(solved.cached_steps.into(), solved.total_steps.into());
    report::spans(&solved.vertices, cx);
    let attaching = log::attach(engine, build, &inputs, &built, &transcript, cx).await;
    let log = attaching.as_ref().map(|attaching| attaching.reference.clone()).unwrap_or_default();
    cx.put_aside(attaching);
    let cache = match cache::export(engine, build, &inputs, &built, cx).await {
        Ok(cache) => cache,
        Err(mut error) => {
            error.outputs.insert("log".to_owned(), log);
            cx.settle(&mut error.outputs).await;
            return Err(error);
        }
    };
    let facts = Facts { build, inputs: &inputs, solved, cache: &cache, log, took: started.elapsed() };
    report::success(&facts, cx)
}
