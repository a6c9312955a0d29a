//! `build`: a Git context to a pushed image.

mod cache;
mod inputs;
mod report;
mod request;
mod solve;

use std::time::Instant;

use super::Engine;
use super::context::Cx;
use crate::outcome::{StepError, Success};
use crate::step::Build;
use inputs::Inputs;

pub(super) async fn run(engine: &Engine, build: &Build, cx: &Cx) -> Result<Success, StepError> {
    let started = Instant::now();
    // The caller's right to read the commits is proven first: the daemon would hand them to anybody.
    let inputs = Inputs::gather(engine, build, cx).await?;
    cx.now("starting the build");
    let built = solve::resumable(engine, request::image(build, &inputs), &inputs, cx).await?;
    let solved = &built.solved;
    engine.metrics.vertices(solved.cached_steps.into(), solved.total_steps.into());
    report::spans(&solved.vertices, cx);
    let cache = cache::export(engine, build, &inputs, &built, cx).await?;
    report::success(build, &inputs, solved, &cache, started.elapsed(), cx)
}
