//! The platform of an image.

use serde::Deserialize;
use serde_json::json;

use super::super::copy::subset;

/// The longest word of a platform.
const PLATFORM: usize = 50;

/// A platform (image specification, "Image Index").
#[derive(Deserialize)]
pub(super) struct PlatformWire {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

impl PlatformWire {
    /// The platform of a config.
    pub(super) fn new(os: Option<String>, architecture: Option<String>, variant: Option<String>) -> Self {
        Self { os, architecture, variant }
    }

    /// `os/arch[/variant]`, if its words are those of platforms.
    pub(super) fn name(self) -> Option<String> {
        let Self { os, architecture, variant } = self;
        let is_plain = |word: &String| {
            word.len() <= PLATFORM
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if ![&os, &architecture, &variant].into_iter().flatten().all(is_plain) {
            return None;
        }
        let entry = json!({"platform": {"os": os, "architecture": architecture, "variant": variant}});
        subset::platform(&entry).filter(|name| !name.starts_with("unknown/"))
    }
}
