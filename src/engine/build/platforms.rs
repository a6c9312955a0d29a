//! What there is instead of an image that is missing for a platform.

use std::time::Duration;

use super::super::Engine;
use super::inputs::Inputs;
use crate::buildkit::BuildError;
use crate::oci::ImageRef;
use crate::time_limits::{calls, within};

/// How long the registry may take: the build has failed already.
const PATIENCE: Duration = calls::REGISTRY_PLATFORMS.whole();

/// The same error; where an image is missing for a platform, it names the platforms that the registry has it for. That this cannot
/// be found out is no part of the error.
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
