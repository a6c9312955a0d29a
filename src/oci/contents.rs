//! What an image consists of: its platforms, their layers with the instructions that made them, and its attestations.
//!
//! All of it is text of whoever may push to the repository.

use serde_json::Value;

use super::artifact::digest;
use super::registry::is_digest;
use super::repository::{Access, ImageRepository};
use super::{Auth, ImageRef, OciError, Registry};
use crate::http;

/// The most platforms and attestations that are read.
const MOST: usize = 8;
/// The most layers of a platform. Storage drivers accept 127.
const LAYERS: usize = 512;
/// The most bytes that are read of an image's config, and of the manifest of its attestations.
const CONFIG_READ: usize = 4 << 20;
/// The annotations of an attestation's entry in the index, and of its layers (buildkit `docs/attestations/attestation-storage.md`).
const KIND: &str = "vnd.docker.reference.type";
const PREDICATE: &str = "in-toto.io/predicate-type";

/// What an image consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageContents {
    /// The digest of the image or of its index.
    pub digest: String,
    /// The platforms, in the order of the index; at most eight.
    pub platforms: Vec<PlatformContents>,
    /// The layers of the attestations in the index.
    pub attestations: Vec<AttestationLayer>,
}

/// The image of one platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlatformContents {
    /// `os/arch[/variant]`; empty if nothing says it.
    pub platform: String,
    /// The digest of its manifest.
    pub digest: String,
    /// The layers, the base image's first.
    pub layers: Vec<ImageLayer>,
}

/// A layer of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageLayer {
    /// The digest of the layer as it is stored.
    pub digest: String,
    /// The bytes of the layer as it is stored.
    pub size: u64,
    /// The instruction that made it, if the image's history names one.
    pub created_by: String,
}

/// An attestation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttestationLayer {
    /// The type of its predicate, such as `https://slsa.dev/provenance/v1`.
    pub predicate: String,
    /// The digest of the statement.
    pub digest: String,
    /// The bytes of the statement.
    pub size: u64,
}

impl Registry {
    /// What `image` consists of; `None` if there is no such image.
    ///
    /// # Errors The registry does not answer, refuses the login, or answers with something else.
    pub async fn contents(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Option<ImageContents>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let Some((bytes, manifest)) = repository.manifest(image.target()).await? else { return Ok(None) };
        let mut contents = ImageContents { digest: digest(&bytes), ..ImageContents::default() };
        let Some(entries) = manifest["manifests"].as_array() else {
            let platform = repository.platform(String::new(), contents.digest.clone(), &manifest).await?;
            contents.platforms.push(platform);
            return Ok(Some(contents));
        };
        let (attestations, images): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| entry["annotations"][KIND] == "attestation-manifest");
        for entry in images.into_iter().take(MOST) {
            if let Some((child, manifest)) = repository.child(entry).await? {
                contents.platforms.push(repository.platform(platform_in(entry), child, &manifest).await?);
            }
        }
        for entry in attestations.into_iter().take(MOST) {
            if let Some((_, manifest)) = repository.child(entry).await? {
                contents.attestations.extend(attestations_in(&manifest));
            }
        }
        Ok(Some(contents))
    }
}

impl ImageRepository<'_> {
    /// The digest of an entry of an index, and its manifest. It may have been deleted.
    async fn child(&mut self, entry: &Value) -> Result<Option<(String, Value)>, OciError> {
        // A digest becomes a part of a request's path, and this one is anybody's text.
        let Some(digest) = entry["digest"].as_str().filter(|digest| is_digest(digest)) else {
            return Ok(None);
        };
        Ok(self.manifest(digest).await?.map(|(_, manifest)| (digest.to_owned(), manifest)))
    }

    async fn platform(
        &mut self,
        platform: String,
        digest: String,
        manifest: &Value,
    ) -> Result<PlatformContents, OciError> {
        let config = match manifest["config"]["digest"].as_str().filter(|digest| is_digest(digest)) {
            Some(config) => self.blob(config, "an image's config", CONFIG_READ).await?,
            None => Vec::new(),
        };
        let config: Value = http::json(&config).unwrap_or_default();
        let platform = if platform.is_empty() { platform_in(&config) } else { platform };
        Ok(PlatformContents { platform, digest, layers: layers(manifest, &config) })
    }
}

/// The platform that an entry of an index, or an image's config, names.
fn platform_in(of: &Value) -> String {
    let of = if of["platform"].is_object() { &of["platform"] } else { of };
    let parts = ["os", "architecture", "variant"].map(|name| of[name].as_str().unwrap_or_default());
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// The layers of a manifest. The history of a config has an entry for each layer, and further ones that are marked.
fn layers(manifest: &Value, config: &Value) -> Vec<ImageLayer> {
    let history = config["history"].as_array().into_iter().flatten();
    let mut made = history.filter(|entry| entry["empty_layer"] != true);
    let mut created_by = || made.next().and_then(|entry| entry["created_by"].as_str()).unwrap_or_default();
    let listed = manifest["layers"].as_array().into_iter().flatten().take(LAYERS);
    let layer = |layer: &Value| ImageLayer {
        digest: text(&layer["digest"]),
        size: layer["size"].as_u64().unwrap_or_default(),
        created_by: created_by().to_owned(),
    };
    listed.map(layer).collect()
}

fn attestations_in(manifest: &Value) -> Vec<AttestationLayer> {
    let listed = manifest["layers"].as_array().into_iter().flatten().take(MOST);
    let attestation = |layer: &Value| AttestationLayer {
        predicate: text(&layer["annotations"][PREDICATE]),
        digest: text(&layer["digest"]),
        size: layer["size"].as_u64().unwrap_or_default(),
    };
    listed.map(attestation).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layers_have_the_instructions_of_the_history() {
        let manifest =
            json!({"layers": [{"digest": "a", "size": 1}, {"digest": "b", "size": 2}, {"digest": "c"}]});
        let config = json!({"history": [
            {"created_by": "ADD base"}, {"created_by": "ENV A=b", "empty_layer": true}, {"created_by": "RUN x"},
        ]});
        let read: Vec<_> = layers(&manifest, &config);
        let read: Vec<_> =
            read.iter().map(|layer| (&*layer.digest, layer.size, &*layer.created_by)).collect();
        assert_eq!(read, [("a", 1, "ADD base"), ("b", 2, "RUN x"), ("c", 0, "")]);
        for odd in [json!(null), json!([]), json!({"layers": 1}), json!({"layers": {}})] {
            assert!(layers(&odd, &config).is_empty());
        }
    }

    #[test]
    fn a_platform_is_that_of_the_index_or_of_the_config() {
        let arm = json!({"os": "linux", "architecture": "arm", "variant": "v7"});
        assert_eq!(platform_in(&json!({"platform": arm})), "linux/arm/v7");
        assert_eq!(platform_in(&arm), "linux/arm/v7");
        assert_eq!(platform_in(&json!({"os": "linux", "architecture": "amd64"})), "linux/amd64");
        assert_eq!(platform_in(&json!([])), "");
    }
}
