//! The registry cache: exported after the image is pushed, and only when that is of use.
//!
//! An export of what is already there costs a HEAD per blob and a manifest, every time. So the image is
//! pushed first; the cache follows in a solve of its own, of which every step is cached by then.

use tracing::warn;
use uuid::Uuid;

use super::super::Engine;
use super::super::context::Cx;
use super::imports::PATIENCE;
use super::inputs::Inputs;
use super::report::Cache;
use super::solve::Built;
use super::{report, request, solve};
use crate::outcome::StepError;
use crate::step::Build;
use crate::step::build::CacheExport;
use crate::time_limits::within;

pub(super) async fn export(
    engine: &Engine,
    build: &Build,
    inputs: &Inputs,
    built: &Built,
    cx: &Cx,
) -> Result<Cache, StepError> {
    let Some(to) = &build.cache.to else { return Ok(Cache::None) };
    match is_there(engine, to, inputs).await {
        None => return silent(to),
        Some(true) if !to.always && built.is_cached() => return Ok(Cache::Skipped),
        Some(_) => {}
    }
    cx.now(format!("exporting the cache to {}", to.target.image));
    let mut request = request::cache(build, inputs);
    // Never the name of an export before, which the daemon may still hold.
    request.reference = Uuid::new_v4().to_string();
    match solve::once(engine, None, &request, inputs, &cx.redactor.clone().into(), cx).await {
        Ok(_) => Ok(Cache::Exported),
        Err(error) if to.ignore_error => {
            warn!("the cache was not exported: {}", cx.redactor.line(&error.message));
            Ok(Cache::Failed(format!("exporting to {} failed: {}", to.target.image, error.message)))
        }
        Err(error) => {
            let error = report::failure(error, cx);
            let message = format!(
                "the image was pushed, but exporting the cache to {} failed: {}\n\
                 set cache.to.ignore-error to go on without it",
                to.target.image, error.message
            );
            Err(StepError { message, ..error })
        }
    }
}

/// Whether the registry has the cache; none of one that says nothing, for which the daemon would wait without end. One
/// that cannot be asked is written to: that gives the better error.
async fn is_there(engine: &Engine, to: &CacheExport, inputs: &Inputs) -> Option<bool> {
    let asked = engine.registry.manifest_exists(&to.target.image, &inputs.auth, to.target.insecure);
    let found = within(PATIENCE, to.target.image.registry(), asked).await.ok()?;
    Some(matches!(found, Ok(Some(_))))
}

fn silent(to: &CacheExport) -> Result<Cache, StepError> {
    let (image, limit) = (&to.target.image, PATIENCE.as_secs());
    let why = format!("exporting to {image} failed: its registry did not answer within {limit} s");
    if to.ignore_error {
        warn!("the cache was not exported: {why}");
        return Ok(Cache::Failed(why));
    }
    Err(StepError::transient(format!(
        "the image was pushed, but {why}\nset cache.to.ignore-error to go on without it"
    )))
}
