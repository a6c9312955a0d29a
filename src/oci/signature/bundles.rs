//! The newer form: artifacts with a bundle, which refer to the image (cosign `pkg/oci/remote/write.go`).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::super::artifact::{CREATED, EMPTY, EMPTY_TYPE, MANIFEST};
use super::super::copy::manifest::RawManifest;
use super::super::copy::named::read;
use super::super::copy::referrers::api;
use super::super::log::list_tag;
use super::super::{Descriptor, OciError};
use super::{SignatureStore, described};
use crate::http;
use crate::signature::{BUNDLE, PREDICATE};

/// The annotations of a manifest with a bundle.
const CONTENT: &str = "dev.sigstore.bundle.content";
const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";
/// The beginning of the media types of bundles of all versions.
const BUNDLES: &str = "application/vnd.dev.sigstore.bundle";
/// What to do about too many artifacts.
const MEND: &str = "look at who may push to this repository, and remove those that nobody needs";
/// The most referrers of an image that are read.
const MOST: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactWire {
    #[serde(default)]
    layers: Vec<LayerWire>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayerWire {
    media_type: String,
    digest: String,
    size: u64,
}

impl SignatureStore<'_> {
    /// What `check` makes of the first bundle about `subject` that it accepts. Those that say to be another kind of statement are left
    /// out, and one bundle is in memory at a time.
    ///
    /// # Errors The registry does not answer, or there are too many.
    pub(super) async fn bundle<T>(
        &mut self,
        subject: &str,
        mut check: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, OciError> {
        for digest in self.artifacts(subject).await? {
            let Some(layer) = self.bundle_layer(&digest, subject).await? else { continue };
            let bundle = self.content(&layer.digest, layer.size).await?;
            if let Some(found) = bundle.and_then(|bundle| check(&bundle)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The digests of what refers to `subject`: from the registry's own list, and from the index under a tag.
    async fn artifacts(&mut self, subject: &str) -> Result<BTreeSet<String>, OciError> {
        let deadline = self.target.deadline;
        let listed = api(&mut self.target.repository, subject, deadline).await?;
        let mut digests: BTreeSet<String> = listed.unwrap_or_default().into_iter().collect();
        let held = self.memory.manifest().await?;
        if let Some(index) = read(&mut self.target.repository, &list_tag(subject), deadline).await? {
            digests.extend(index.children.into_iter().map(|child| child.digest));
        }
        drop(held);
        if digests.len() > MOST {
            return Err(OciError::Unexpected {
                what: self.target.repository.what(),
                why: format!("more than {MOST} artifacts refer to {subject}"),
                mend: MEND,
            });
        }
        Ok(digests)
    }

    /// The layer with the bundle of the artifact `digest`, unless that is something else, or about something else than `subject`.
    async fn bundle_layer(&mut self, digest: &str, subject: &str) -> Result<Option<LayerWire>, OciError> {
        let _held = self.memory.manifest().await?;
        let found = read(&mut self.target.repository, digest, self.target.deadline).await?;
        // The list under a tag is anybody's, and may name what refers to something else.
        let found = found.filter(|found| found.subject.as_deref() == Some(subject));
        let artifact = found.and_then(|found| http::json::<ArtifactWire>(&found.bytes).ok());
        let about = |artifact: &ArtifactWire| artifact.annotations.get(PREDICATE_TYPE).cloned();
        let artifact = artifact.filter(|artifact| about(artifact).is_none_or(|about| about == PREDICATE));
        let layer = artifact.and_then(|artifact| artifact.layers.into_iter().next());
        Ok(layer.filter(|layer| layer.media_type.starts_with(BUNDLES)))
    }

    /// Writes an artifact with `bundle` about `subject`. `created` is a time in the form of RFC 3339. Where the registry keeps no
    /// list of referrers, the artifact is added to the index under a tag.
    ///
    /// # Errors The registry does not answer or refuses it.
    pub(super) async fn add_bundle(
        &mut self,
        subject: &Descriptor,
        bundle: &[u8],
        created: &str,
    ) -> Result<(), OciError> {
        self.put_content(bundle).await?;
        self.put_content(EMPTY).await?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": BUNDLE,
            "config": described(EMPTY_TYPE, EMPTY),
            "layers": [described(BUNDLE, bundle)],
            "subject": subject,
            "annotations": {CREATED: created, CONTENT: "dsse-envelope", PREDICATE_TYPE: PREDICATE},
        });
        let what = format!("a bundle about {}", subject.digest);
        let manifest = RawManifest::read(Bytes::from(manifest.to_string()), None, &what)?;
        let name = manifest.digest.clone();
        let answer = self.target.put(&name, &manifest, None).await?;
        match answer.contains_key("oci-subject") {
            true => Ok(()),
            false => self.target.list_referrer(&subject.digest, &manifest).await,
        }
    }
}
