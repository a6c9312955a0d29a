//! Names the available platforms if an image lacks the requested one.

use std::time::Duration;

use super::super::Engine;
use super::inputs::Inputs;
use crate::buildkit::BuildError;
use crate::oci::ImageRef;
use crate::time_limits::{calls, within};

/// The time limit for the registry. It is short, because the build has already failed.
const PATIENCE: Duration = calls::REGISTRY_PLATFORMS.whole();

/// Returns the same error. If an image lacks a platform, the error also names the platforms that the registry has. A failed
/// lookup does not change the error.
pub(super) async fn named(engine: &Engine, inputs: &Inputs, mut error: BuildError) -> BuildError {
    if let Some(image) = error.image_without_platform().and_then(|image| image.parse().ok()) {
        error.message.extend(there(engine, inputs, &image).await);
    }
    error
}

async fn there(engine: &Engine, inputs: &Inputs, image: &ImageRef) -> Option<String> {
    let insecure = inputs.is_insecure(image.registry());
    let asked = engine.registry.platforms(image, &inputs.auth, insecure);
    let found = within(PATIENCE, image.registry(), asked).await.ok()?.ok()?;
    (!found.is_empty()).then(|| format!("; {image} is there for {}", found.join(", ")))
}
