//! Lists the platforms of an image.

use serde::Deserialize;

use super::repository::Access;
use super::{Auth, ImageRef, OciError, Registry};

/// The most platforms that are returned.
const MOST: usize = 32;

/// An image index (image specification, "OCI Image Index").
#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<IndexEntry>,
}

#[derive(Deserialize)]
struct IndexEntry {
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: String,
}

impl Registry {
    /// The platforms in the index of `image`, as `os/arch[/variant]`; empty if the image has no index.
    ///
    /// # Errors The registry does not answer, or its answer is not an image.
    pub async fn platforms(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Vec<String>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let Some((_, manifest)) = repository.manifest(image.target()).await? else { return Ok(Vec::new()) };
        Ok(platforms(manifest))
    }
}

fn platforms(manifest: serde_json::Value) -> Vec<String> {
    let Ok(Index { manifests }) = serde_json::from_value(manifest) else { return Vec::new() };
    let mut names: Vec<_> = manifests.into_iter().filter_map(|entry| name(&entry.platform?)).collect();
    names.sort();
    names.dedup();
    names.truncate(MOST);
    names
}

/// The platform's name, made from the registry's words, which are checked. An entry that is not a platform, such as
/// an attestation, has `unknown/unknown` (buildkit `docs/attestations/attestation-storage.md`).
fn name(platform: &Platform) -> Option<String> {
    let Platform { os, architecture, variant } = platform;
    let is_word = |word: &str| {
        (1..=20).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
    };
    if !is_word(os) || !is_word(architecture) || os == "unknown" {
        return None;
    }
    let variant = if is_word(variant) { format!("/{variant}") } else { String::new() };
    Some(format!("{os}/{architecture}{variant}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attestations_and_odd_words_are_no_platforms() {
        let of = |os: &str, architecture: &str, variant: &str| json!({"platform": {"os": os, "architecture": architecture, "variant": variant}});
        let manifests = [
            of("linux", "arm", "v7"),
            of("linux", "amd64", ""),
            of("unknown", "unknown", ""),
            of("linux", "amd64", ""),
            of("linux\u{1b}[31m", "amd64", ""),
            json!({"digest": "sha256:1"}),
        ];
        assert_eq!(platforms(json!({"manifests": manifests})), ["linux/amd64", "linux/arm/v7"]);
        assert!(platforms(json!({"layers": []})).is_empty());
        assert!(platforms(json!(1)).is_empty());
    }
}
