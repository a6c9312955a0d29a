//! Names the available platforms if an image lacks the requested one, or if no daemon can run its programs.

use std::time::Duration;

use super::super::Engine;
use super::inputs::Inputs;
use crate::buildkit::BuildError;
use crate::oci::ImageRef;
use crate::pool::Wanted;
use crate::text;
use crate::time_limits::{calls, within};

/// The time limit for the registry. It is short, because the build has already failed.
const PATIENCE: Duration = calls::REGISTRY_PLATFORMS.whole();

/// What a step prints whose program is for another processor. A build for a platform that no daemon has succeeds nevertheless, if it only
/// copies files or compiles across.
const FOREIGN_PROGRAM: &str = "exec format error";
/// The most platforms of daemons in an error.
const NAMED: usize = 20;

/// Returns the same error. If an image lacks a platform, the error also names the platforms that the registry has; if no daemon is for the
/// platform of a program, those of the daemons. A failed lookup does not change the error.
pub(super) async fn named(
    engine: &Engine,
    inputs: &Inputs,
    wanted: &Wanted,
    mut error: BuildError,
) -> BuildError {
    if let Some(image) = error.image_without_platform().and_then(|image| image.parse().ok()) {
        error.message.extend(there(engine, inputs, &image).await);
    }
    let is_foreign = [&error.message, &error.log_tail].iter().any(|text| text.contains(FOREIGN_PROGRAM));
    if is_foreign && let Some((platform, listed)) = engine.pool.unlisted(&wanted.platforms).await {
        error.message.push_str(&format!(
            "\nno buildkitd is for {platform}, and none emulates it; the platforms that there are: {}",
            text::first(&listed, NAMED)
        ));
    }
    error
}

async fn there(engine: &Engine, inputs: &Inputs, image: &ImageRef) -> Option<String> {
    let insecure = inputs.is_insecure(image.registry());
    let asked = engine.registry.platforms(image, &inputs.auth, insecure);
    let found = within(PATIENCE, image.registry(), asked).await.ok()?.ok()?;
    (!found.is_empty()).then(|| format!("; {image} is there for {}", found.join(", ")))
}
