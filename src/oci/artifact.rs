//! A build's log as an OCI artifact: one layer, and a manifest whose subject is the image.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha512};

/// The artifact type of a build's log.
pub const LOG_ARTIFACT: &str = "application/vnd.argo-buildkit.build.log.v1";
/// The log itself: UTF-8 text, compressed with gzip.
const LOG_LAYER: &str = "application/vnd.argo-buildkit.build.log.v1.text+gzip";
/// The name of the file that `oras pull` writes.
const FILE: &str = "build.log.gz";
/// The annotations of the image specification that we set.
const TITLE: &str = "org.opencontainers.image.title";
pub(super) const CREATED: &str = "org.opencontainers.image.created";

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The config of an artifact that needs none (image specification, "guidance for an empty descriptor").
pub(super) const EMPTY: &[u8] = b"{}";
pub(super) const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// Content in a registry, with its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// The digest of the content: `sha256:…`.
    pub digest: String,
    /// The size of the content, in bytes.
    pub size: u64,
}

/// A log that is ready to be pushed. Its digest is known before the push.
#[derive(Debug, Clone)]
pub struct LogArtifact {
    pub(super) layer: Bytes,
    pub(super) manifest: Bytes,
    pub(super) digest: String,
    pub(super) subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl LogArtifact {
    /// The log `gzip` of the build of `subject`, or of a build that made no image. `created` is a time in the form of
    /// RFC 3339. `annotations` are added to the manifest.
    pub fn new(
        gzip: Vec<u8>,
        subject: Option<Descriptor>,
        created: String,
        mut annotations: BTreeMap<String, String>,
    ) -> Self {
        annotations.insert(CREATED.to_owned(), created);
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": LOG_ARTIFACT,
            "config": Descriptor::of(EMPTY_TYPE, EMPTY),
            "layers": [{
                "mediaType": LOG_LAYER,
                "digest": digest(&gzip),
                "size": gzip.len(),
                "annotations": {TITLE: FILE},
            }],
            "annotations": annotations,
        });
        if let Some(subject) = &subject {
            manifest["subject"] = json!(subject);
        }
        let manifest = Bytes::from(manifest.to_string());
        Self { layer: gzip.into(), digest: digest(&manifest), manifest, subject, annotations }
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The artifact's entry in a list of referrers.
    pub(super) fn entry(&self) -> serde_json::Value {
        json!({
            "mediaType": MANIFEST,
            "digest": self.digest,
            "size": self.manifest.len(),
            "artifactType": LOG_ARTIFACT,
            "annotations": self.annotations,
        })
    }
}

impl Descriptor {
    pub(super) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self { media_type: media_type.to_owned(), digest: digest(bytes), size: bytes.len() as u64 }
    }
}

/// The descriptor of `content`, to add more to it.
pub(super) fn described(media_type: &str, content: &[u8]) -> serde_json::Value {
    json!(Descriptor::of(media_type, content))
}

/// `sha256:…` of `bytes`.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Whether `named` is the digest of `bytes`, as SHA-256 or SHA-512.
pub(super) fn hashes_to(bytes: &[u8], named: &str) -> bool {
    match named.strip_prefix("sha512:") {
        Some(told) => hex::encode(Sha512::digest(bytes)) == told,
        None => digest(bytes) == named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logs_manifest_names_its_subject() {
        let subject = Descriptor::of(MANIFEST, b"image");
        let annotations = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let created = "2026-11-21T14:45:01Z".to_owned();
        let artifact = LogArtifact::new(b"gz".to_vec(), Some(subject), created, annotations);
        let manifest: serde_json::Value = serde_json::from_slice(&artifact.manifest).unwrap_or_default();
        let part = |of: &str| (manifest[of]["mediaType"].clone(), manifest[of]["digest"].clone());
        assert_eq!(part("subject"), (json!(MANIFEST), json!(digest(b"image"))));
        // The digest of `{}` in the specification.
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(part("config"), (json!(EMPTY_TYPE), json!(empty)));
        assert_eq!(manifest["layers"][0]["digest"], digest(b"gz"));
        assert_eq!(manifest["annotations"], json!({"a": "b", CREATED: "2026-11-21T14:45:01Z"}));
        assert_eq!(artifact.digest(), digest(&artifact.manifest));
        let nobodys = LogArtifact::new(b"gz".to_vec(), None, String::new(), BTreeMap::new());
        assert!(!String::from_utf8_lossy(&nobodys.manifest).contains("subject"));
    }
}
