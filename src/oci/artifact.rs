//! What is stored beside the image of a build, as OCI artifacts whose subject is the image: its log, with its steps, and its report.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha512};

/// The artifact type of a build's log.
pub const LOG_ARTIFACT: &str = "application/vnd.argo-buildkit.build.log.v1";
/// The log itself: UTF-8 text, compressed with gzip.
const LOG_LAYER: &str = "application/vnd.argo-buildkit.build.log.v1.text+gzip";
/// The steps of the build with their times, the second layer: JSON, compressed with gzip.
pub(super) const STEPS_LAYER: &str = "application/vnd.argo-buildkit.build.steps.v1.json+gzip";
/// The artifact type of a build's report.
pub const REPORT_ARTIFACT: &str = "application/vnd.argo-buildkit.build.report.v1";
/// The report itself.
const REPORT_LAYER: &str = "text/html";
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

/// A log or a report that is ready to be pushed. Its digest is known before the push.
#[derive(Debug, Clone)]
pub struct BuildArtifact {
    kind: &'static str,
    pub(super) layers: Vec<ArtifactLayer>,
    pub(super) manifest: Bytes,
    pub(super) digest: String,
    pub(super) subject: Option<Descriptor>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// A layer of an artifact.
#[derive(Debug, Clone)]
pub(super) struct ArtifactLayer {
    media_type: &'static str,
    /// The name of the file that `oras pull` writes.
    file: &'static str,
    pub(super) content: Bytes,
}

impl BuildArtifact {
    /// The log `gzip` of the build of `subject`, or of a build that made no image. `created` is a time in the form of
    /// RFC 3339. `annotations` are added to the manifest.
    pub fn new(
        gzip: Vec<u8>,
        subject: Option<Descriptor>,
        created: String,
        mut annotations: BTreeMap<String, String>,
    ) -> Self {
        annotations.insert(CREATED.to_owned(), created);
        let log = ArtifactLayer { media_type: LOG_LAYER, file: "build.log.gz", content: gzip.into() };
        Self::assembled(LOG_ARTIFACT, vec![log], subject, annotations)
    }

    /// The same log with the steps `gzip` of the build. Readers that know only the log find it where it was.
    #[must_use]
    pub fn with_steps(self, gzip: Vec<u8>) -> Self {
        let Self { kind, mut layers, subject, annotations, .. } = self;
        layers.push(ArtifactLayer {
            media_type: STEPS_LAYER,
            file: "build.steps.json.gz",
            content: gzip.into(),
        });
        Self::assembled(kind, layers, subject, annotations)
    }

    /// The report `html` of the build whose log this is.
    #[must_use]
    pub fn report(&self, html: String) -> Self {
        let content = html.into_bytes().into();
        let page = ArtifactLayer { media_type: REPORT_LAYER, file: "report.html", content };
        Self::assembled(REPORT_ARTIFACT, vec![page], self.subject.clone(), self.annotations.clone())
    }

    fn assembled(
        kind: &'static str,
        layers: Vec<ArtifactLayer>,
        subject: Option<Descriptor>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": Descriptor::of(EMPTY_TYPE, EMPTY),
            "layers": layers.iter().map(ArtifactLayer::entry).collect::<Vec<_>>(),
            "annotations": annotations,
        });
        if let Some(subject) = &subject {
            manifest["subject"] = json!(subject);
        }
        let manifest = Bytes::from(manifest.to_string());
        Self { kind, layers, digest: digest(&manifest), manifest, subject, annotations }
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
            "artifactType": self.kind,
            "annotations": self.annotations,
        })
    }
}

impl ArtifactLayer {
    /// The layer's entry in a manifest.
    fn entry(&self) -> serde_json::Value {
        json!({
            "mediaType": self.media_type,
            "digest": digest(&self.content),
            "size": self.content.len(),
            "annotations": {TITLE: self.file},
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
        let artifact = BuildArtifact::new(b"gz".to_vec(), Some(subject), created, annotations);
        let manifest: serde_json::Value = serde_json::from_slice(&artifact.manifest).unwrap_or_default();
        let part = |of: &str| (manifest[of]["mediaType"].clone(), manifest[of]["digest"].clone());
        assert_eq!(part("subject"), (json!(MANIFEST), json!(digest(b"image"))));
        // The digest of `{}` in the specification.
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(part("config"), (json!(EMPTY_TYPE), json!(empty)));
        assert_eq!(manifest["layers"][0]["digest"], digest(b"gz"));
        assert_eq!(manifest["annotations"], json!({"a": "b", CREATED: "2026-11-21T14:45:01Z"}));
        assert_eq!(artifact.digest(), digest(&artifact.manifest));
        let with_steps = artifact.clone().with_steps(b"steps".to_vec());
        let manifest: serde_json::Value = serde_json::from_slice(&with_steps.manifest).unwrap_or_default();
        assert_eq!(manifest["layers"][0]["digest"], digest(b"gz"));
        assert_eq!(manifest["layers"][1]["mediaType"], STEPS_LAYER);
        assert_eq!(manifest["layers"][1]["digest"], digest(b"steps"));
        assert_ne!(with_steps.digest(), artifact.digest());
        let nobodys = BuildArtifact::new(b"gz".to_vec(), None, String::new(), BTreeMap::new());
        assert!(!String::from_utf8_lossy(&nobodys.manifest).contains("subject"));
    }
}
