//! Exports the registry cache after the image was pushed, and only if that is useful.
//!
//! Every export costs a HEAD request per blob and a manifest, even if the cache is already there. So the image
//! is pushed first. The cache follows in a separate solve, in which every step is already cached. Where each platform has a cache of
//! its own, each has its solve.

use std::time::{Duration, Instant};

use tracing::warn;
use uuid::Uuid;

use super::super::Engine;
use super::cache_refs::CacheTarget;
use super::imports::PATIENCE;
use super::inputs::Inputs;
use super::part::Work;
use super::report::Cache;
use super::solve::Built;
use super::{report, request, solve};
use crate::buildkit::{BuildError, BuildErrorKind};
use crate::outcome::StepError;
use crate::step::RegistryRef;
use crate::step::build::{CacheExport, CacheWhen, Platform};
use crate::time_limits::within;

/// Exports what `built` has: all caches, or with `platform` those of that platform.
pub(super) async fn export(
    work: Work<'_>,
    built: &Built,
    platform: Option<&Platform>,
) -> Result<Cache, StepError> {
    let Some(to) = &work.build.cache.to else { return Ok(Cache::None) };
    let is_built = |target: &&CacheTarget| platform.is_none() || target.platform.as_ref() == platform;
    let mut all = Cache::None;
    for target in work.inputs.exports.iter().filter(is_built) {
        let one = Box::pin(export_to(work, to, built, target)).await?;
        all = all.and(one);
    }
    Ok(all)
}

/// The result of `work`, and how long it took.
pub(super) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    (work.await, began.elapsed())
}

async fn export_to(
    work: Work<'_>,
    to: &CacheExport,
    built: &Built,
    target: &CacheTarget,
) -> Result<Cache, StepError> {
    let Work { engine, build, inputs, cx } = work;
    let image = &target.cache.image;
    match is_there(engine, &target.cache, inputs).await {
        None => return silent(to, &target.cache),
        Some(true) if to.when != CacheWhen::Always && built.is_cached() => return Ok(Cache::Skipped),
        Some(_) => {}
    }
    cx.now(format!("exporting the cache to {image}"));
    let mut request = request::cache(build, inputs, to.mode, target);
    request::leave_out(&mut request, &built.left_out.caches);
    if let Some(platform) = &target.platform {
        inputs.keep_caches_for(platform, &mut request);
    }
    // Never reuse the name of an earlier export, which may still be in use at the daemon.
    request.reference = Uuid::new_v4().to_string();
    let daemon = &built.member.daemon;
    match solve::once(daemon, None, &request, inputs, &cx.redactor.clone().into(), cx).await {
        Ok(_) => Ok(Cache::Exported),
        Err(error) if to.ignore_error || has_gone(engine, &error) => {
            warn!("the cache was not exported: {}", cx.redactor.line(&error.message));
            Ok(Cache::Failed(format!("exporting to {image} failed: {}", error.message)))
        }
        Err(error) => {
            let error = report::failure(error, cx);
            let message = format!(
                "the image was pushed, but exporting the cache to {image} failed: {}\n\
                 set cache.to.ignore-error to true to go on without it",
                error.message
            );
            Err(StepError { message, ..error })
        }
    }
}

/// Whether the daemon has gone since it built the image, as one does that is told to go. No other of the pool has the layers, and the
/// service's next build exports them from there.
fn has_gone(engine: &Engine, error: &BuildError) -> bool {
    !engine.pool.is_single() && error.kind == BuildErrorKind::Unreachable
}

/// Whether the registry has the cache. `None` if it does not respond, because the daemon would then wait without end. For
/// a registry that cannot be queried the export runs, because its error is better.
async fn is_there(engine: &Engine, cache: &RegistryRef, inputs: &Inputs) -> Option<bool> {
    let asked = engine.registry.manifest_exists(&cache.image, &inputs.auth, cache.insecure);
    let found = within(PATIENCE, cache.image.registry(), asked).await.ok()?;
    Some(matches!(found, Ok(Some(_))))
}

fn silent(to: &CacheExport, cache: &RegistryRef) -> Result<Cache, StepError> {
    let (image, limit) = (&cache.image, PATIENCE.as_secs());
    let why = format!("exporting to {image} failed: its registry did not answer within {limit} s");
    if to.ignore_error {
        warn!("the cache was not exported: {why}");
        return Ok(Cache::Failed(why));
    }
    Err(StepError::transient(format!(
        "the image was pushed, but {why}\nset cache.to.ignore-error to true to go on without it"
    )))
}
