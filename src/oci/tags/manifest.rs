//! What a manifest names, without its bytes.

use serde::Deserialize;

use super::super::copy::manifest::{RawManifest, is_manifest_type};
use super::super::registry::is_digest;
use super::config::Created;
use super::platform::PlatformWire;
use crate::http;

/// The config of a build cache (buildkit `cache/remotecache/v1/types/spec.go`).
const CACHE_CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";

/// A manifest, as much of it as questions about tags need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    /// Its digest.
    pub digest: String,
    /// The manifests that an index names.
    pub children: Vec<ChildManifest>,
    /// The digests of whatever else an index names.
    pub others: Vec<String>,
    /// The digest of the manifest that this one is about, such as a signed image.
    pub subject: Option<String>,
    /// The digest of the config, of an image or of a build cache.
    pub(super) config: Option<String>,
    /// Digest and size of the config and the layers.
    pub(super) blobs: Vec<(String, u64)>,
    /// The time in its annotations.
    pub(super) annotated: Option<Created>,
}

/// A manifest that an index names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildManifest {
    /// Its digest.
    pub digest: String,
    /// Whether it is itself an index.
    pub is_index: bool,
    /// `os/arch[/variant]`; `None` for an attestation and for what has no platform.
    pub platform: Option<String>,
}

// Typed, because a JSON value takes many times the memory of its text, and annotations are anybody's.
#[derive(Deserialize)]
struct Wire {
    config: Option<ConfigWire>,
    manifests: Option<Vec<EntryWire>>,
    annotations: Option<AnnotationsWire>,
}

#[derive(Deserialize)]
struct ConfigWire {
    digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryWire {
    media_type: Option<String>,
    digest: String,
    platform: Option<PlatformWire>,
    annotations: Option<AnnotationsWire>,
}

#[derive(Deserialize)]
struct AnnotationsWire {
    #[serde(rename = "org.opencontainers.image.created")]
    created: Option<String>,
    /// With this, an entry is an attestation of BuildKit.
    #[serde(rename = "vnd.docker.reference.digest")]
    attested: Option<String>,
}

impl ImageManifest {
    /// The same without the layers, for a caller that keeps very many.
    #[must_use]
    pub fn without_blobs(self) -> Self {
        Self { blobs: Vec::new(), ..self }
    }

    /// A manifest without a registry, for tests.
    #[cfg(test)]
    pub(crate) fn sample(digest: String, children: Vec<ChildManifest>, subject: Option<String>) -> Self {
        Self {
            digest,
            children,
            others: Vec::new(),
            subject,
            config: None,
            blobs: Vec::new(),
            annotated: None,
        }
    }

    /// Reads what a valid manifest names.
    pub(super) fn of(raw: &RawManifest) -> Result<Self, String> {
        let wire: Wire = http::json(&raw.bytes)?;
        // Of a build cache, an index may name the config (buildkit `cache/remotecache/export.go`, `image-manifest=false`).
        let of_cache = wire.manifests.iter().flatten().find(|entry| entry.is_cache_config());
        let config = of_cache.map(|entry| entry.digest.clone());
        let (children, others): (Vec<_>, Vec<_>) =
            wire.manifests.into_iter().flatten().partition(EntryWire::is_manifest);
        Ok(Self {
            digest: raw.digest.clone(),
            children: children.into_iter().map(ChildManifest::from).collect(),
            others: others.into_iter().map(|entry| entry.digest).collect(),
            // Of the digests in a manifest, only this one was not checked.
            subject: raw.subject.clone().filter(|subject| is_digest(subject)),
            config: wire.config.map(|config| config.digest).or(config),
            blobs: raw.blobs.iter().map(|blob| (blob.digest.clone(), blob.size)).collect(),
            annotated: wire.annotations.and_then(|all| Created::parse(&all.created?)),
        })
    }
}

impl EntryWire {
    fn is_cache_config(&self) -> bool {
        self.media_type.as_deref() == Some(CACHE_CONFIG)
    }

    fn is_manifest(&self) -> bool {
        self.media_type.as_deref().is_none_or(|kind| kind.is_empty() || is_manifest_type(kind))
    }
}

impl From<EntryWire> for ChildManifest {
    fn from(entry: EntryWire) -> Self {
        let is_index = entry
            .media_type
            .as_deref()
            .is_none_or(|kind| kind.is_empty() || kind.contains("index") || kind.contains("list"));
        let is_attestation = entry.annotations.is_some_and(|all| all.attested.is_some());
        let platform = entry.platform.filter(|_| !is_attestation).and_then(PlatformWire::name);
        Self { digest: entry.digest, is_index, platform }
    }
}
