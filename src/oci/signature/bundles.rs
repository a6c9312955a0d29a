//! The newer form: artifacts with a bundle, which refer to the image (cosign `pkg/oci/remote/write.go`).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::artifact::{CREATED, EMPTY, EMPTY_TYPE, MANIFEST, described};
use super::super::copy::manifest::RawManifest;
use super::super::copy::named::read;
use super::super::copy::referrers::api_of;
use super::super::log::list_tag;
use super::super::{Descriptor, OciError};
use super::{Checks, SignatureStore};
use crate::http;
use crate::signature::{BUNDLE, PREDICATE, PublicKey};

/// The annotations of a manifest with a bundle.
const CONTENT: &str = "dev.sigstore.bundle.content";
const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";
/// The beginning of the media types of bundles of all versions.
const BUNDLES: &str = "application/vnd.dev.sigstore.bundle";
/// What to do about too many artifacts.
const MEND: &str = "look at who may push to this repository, and remove those that nobody needs";
/// The most bundles of an image that are read.
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

/// The index under a tag.
#[derive(Deserialize)]
struct ListWire {
    manifests: Option<Vec<EntryWire>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryWire {
    digest: String,
    artifact_type: Option<String>,
}

impl SignatureStore<'_> {
    /// The key of the first bundle about `subject` that counts. Those that say to be another kind of statement are left out, and one
    /// bundle is in memory at a time.
    ///
    /// # Errors The registry does not answer, or there are too many.
    pub(super) async fn bundle(
        &mut self,
        subject: &str,
        checks: &mut Checks<'_>,
    ) -> Result<Option<PublicKey>, OciError> {
        checks.begin();
        for digest in self.artifacts(subject).await? {
            let Some(layer) = self.bundle_layer(&digest, subject).await? else { continue };
            let _held = self.memory.content(super::CONTENT).await?;
            let Some(bundle) = self.content(&layer.digest, layer.size).await? else { continue };
            if let Some(key) = checks.bundle(&bundle).await {
                return Ok(Some(key));
            }
            if checks.are_spent() {
                return Err(self.too_many_of(subject, checks.most(), "bundles to try the keys on"));
            }
        }
        Ok(None)
    }

    /// The digests of the bundles that refer to `subject`: from the registry's own list, and from the index under a tag. What a list
    /// does not tell the kind of may be one.
    async fn artifacts(&mut self, subject: &str) -> Result<BTreeSet<String>, OciError> {
        let (deadline, memory) = (self.target.deadline, self.memory);
        let may_be = |entry: &Value| may_be_bundle(entry["artifactType"].as_str());
        let listed = api_of(&mut self.target.repository, subject, deadline, Some(memory), may_be).await?;
        let mut digests: BTreeSet<String> = listed.unwrap_or_default().into_iter().collect();
        let _held = memory.manifest().await?;
        if let Some(index) = read(&mut self.target.repository, &list_tag(subject), deadline).await? {
            digests.extend(bundles_in(&index));
        }
        match digests.len() > MOST {
            true => Err(self.too_many_of(subject, MOST, "bundles")),
            false => Ok(digests),
        }
    }

    fn too_many_of(&self, subject: &str, most: usize, what: &str) -> OciError {
        OciError::Unexpected {
            what: self.target.repository.what(),
            why: format!("{subject} has more than {most} {what}"),
            mend: MEND,
        }
    }

    /// The layer with the bundle of the artifact `digest`, unless that is something else, or about something else than `subject`.
    async fn bundle_layer(&mut self, digest: &str, subject: &str) -> Result<Option<LayerWire>, OciError> {
        let _held = self.memory.manifest().await?;
        let found = match read(&mut self.target.repository, digest, self.target.deadline).await {
            // Anyone who may push may list something that cannot be read. It is no signature.
            Err(OciError::Unexpected { .. }) => return Ok(None),
            found => found?,
        };
        // The list under a tag is anybody's, and may name what refers to something else.
        let found = found.filter(|found| found.subject.as_deref() == Some(subject));
        let artifact = found.and_then(|found| http::json::<ArtifactWire>(&found.bytes).ok());
        let about = |artifact: &ArtifactWire| artifact.annotations.get(PREDICATE_TYPE).cloned();
        let artifact = artifact.filter(|artifact| about(artifact).is_none_or(|about| about == PREDICATE));
        let layer = artifact.and_then(|artifact| artifact.layers.into_iter().next());
        Ok(layer.filter(|layer| layer.media_type.starts_with(BUNDLES)))
    }

    /// Writes an artifact with `bundle` about `subject`. `created` is a time in the form of RFC 3339. Where the registry keeps no
    /// list of referrers, the artifact is added to the index under a tag. `enter` gives the permit for one request.
    ///
    /// # Errors The registry does not answer or refuses it.
    pub(super) async fn add_bundle<P>(
        &mut self,
        subject: &Descriptor,
        bundle: &[u8],
        created: &str,
        enter: &impl Fn() -> Option<P>,
    ) -> Result<(), OciError> {
        self.target.put_content(bundle).await?;
        self.target.put_content(EMPTY).await?;
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
        let answer = self.target.put_within(&name, &manifest, None, enter).await?;
        if answer.contains_key("oci-subject") {
            return Ok(());
        }
        let _held = self.memory.referrers().await?;
        self.target.list_referrer(&subject.digest, &manifest, enter).await
    }
}

/// Whether an entry of a list with this type of artifact may be a bundle. cosign 2 puts the type of the empty config there.
fn may_be_bundle(kind: Option<&str>) -> bool {
    kind.is_none_or(|kind| kind.starts_with(BUNDLES) || kind == EMPTY_TYPE)
}

/// The digests of what may be bundles in `index`. Logs of builds and SBOMs are listed there too.
fn bundles_in(index: &RawManifest) -> BTreeSet<String> {
    let children = index.children.iter().map(|child| child.digest.clone());
    // One entry with an odd type is not to hide the others.
    let Ok(list) = http::json::<ListWire>(&index.bytes) else { return children.collect() };
    let entries = list.manifests.unwrap_or_default().into_iter();
    let entries = entries.filter(|entry| may_be_bundle(entry.artifact_type.as_deref()));
    let named: BTreeSet<String> = entries.map(|entry| entry.digest).collect();
    children.filter(|digest| named.contains(digest)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::super::artifact::INDEX;
    use super::*;

    #[test]
    fn logs_and_sboms_in_a_list_are_no_bundles() {
        let entry = |n: usize, kind: Option<&str>| {
            let mut entry = json!({"mediaType": MANIFEST, "digest": format!("sha256:{n:064}"), "size": 1});
            if let Some(kind) = kind {
                entry["artifactType"] = kind.into();
            }
            entry
        };
        let mut entries: Vec<_> = (0..500).map(|n| entry(n, Some("application/vnd.example.log"))).collect();
        entries.extend([entry(501, Some(BUNDLE)), entry(502, None), entry(503, Some(EMPTY_TYPE))]);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let index = RawManifest::read(index.to_string().into(), None, "r.io/a").unwrap();
        let expected: BTreeSet<_> = [501, 502, 503].map(|n| format!("sha256:{n:064}")).into();
        assert_eq!(bundles_in(&index), expected);
    }
}
