//! A manifest as the bytes that a registry sent, with what it names. Its bytes are never written anew, so its digest
//! stays the same.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::OciError;
use super::super::artifact::{self, INDEX, MANIFEST, digest};
use super::super::registry::is_digest;
use crate::http;
use crate::text;

/// The media types of Docker's manifests (distribution `manifest/manifestlist` and `manifest/schema2`).
pub(in crate::oci) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(in crate::oci) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The artifact manifest of release candidates of the image specification 1.1, which some tools wrote.
const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// The media types of everything that is copied.
pub(in crate::oci) const COPIED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.artifact.manifest.v1+json";

/// The most children of an index. An image of every platform, with an attestation each, has less than a hundred.
const CHILDREN: usize = 1_000;
/// The most blobs of one manifest: an image has at most 127 layers, a cache of all stages some hundred.
const BLOBS: usize = 2_000;

/// What to do about a manifest that is not copied.
pub(super) const MEND: &str = "name another image, or build it again with a current tool";

/// A manifest, and what it names.
#[derive(Debug, Clone)]
pub(in crate::oci) struct RawManifest {
    pub(in crate::oci) bytes: Bytes,
    pub(in crate::oci) media_type: String,
    pub(in crate::oci) digest: String,
    /// Other manifests: the platforms of an index.
    pub(in crate::oci) children: Vec<Content>,
    pub(in crate::oci) blobs: Vec<Content>,
    /// Layers that a registry need not have, because the manifest says where else they are.
    pub(super) foreign: usize,
    /// The digest of the manifest that this one is about.
    pub(in crate::oci) subject: Option<String>,
}

/// Content with its digest and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::oci) struct Content {
    pub(in crate::oci) digest: String,
    pub(in crate::oci) size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestWire {
    #[serde(default)]
    schema_version: u32,
    media_type: Option<String>,
    config: Option<DescriptorWire>,
    #[serde(default)]
    layers: Option<Vec<DescriptorWire>>,
    #[serde(default)]
    manifests: Option<Vec<DescriptorWire>>,
    /// Of an artifact manifest.
    #[serde(default)]
    blobs: Option<Vec<DescriptorWire>>,
    subject: Option<DescriptorWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescriptorWire {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    urls: Option<Vec<IgnoredAny>>,
}

impl DescriptorWire {
    /// BuildKit's older caches are an index of layers (`cache/remotecache/export.go`).
    fn is_manifest(&self) -> bool {
        self.media_type.is_empty() || is_manifest_type(&self.media_type)
    }

    /// Layers that may not be distributed (image specification, "Non-Distributable Layers"), and that are somewhere else. Some tools
    /// push them nevertheless, and leave out the address.
    fn is_foreign(&self) -> bool {
        let is_such = [".nondistributable.", ".foreign."].iter().any(|part| self.media_type.contains(part));
        is_such && self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }
}

/// Each content once.
fn once(named: Vec<DescriptorWire>) -> Result<Vec<Content>, String> {
    let (mut sizes, mut contents) = (HashMap::new(), Vec::new());
    for DescriptorWire { digest, size, .. } in named {
        match sizes.get(&digest) {
            None => {
                sizes.insert(digest.clone(), size);
                contents.push(Content { digest, size });
            }
            Some(known) if *known == size => {}
            Some(known) => {
                return Err(format!(
                    "it says that {} has {known} and {size} bytes",
                    text::brief(&digest, 100)
                ));
            }
        }
    }
    Ok(contents)
}

fn check_count(found: usize, most: usize, kind: &str) -> Result<(), String> {
    match found > most {
        true => Err(format!("it names {found} {kind}, and at most {most} are copied")),
        false => Ok(()),
    }
}

fn check_digests(named: &[DescriptorWire]) -> Result<(), String> {
    match named.iter().find(|each| !is_digest(&each.digest)) {
        Some(odd) => Err(format!(
            "it names {}, which is no digest of SHA-256 or SHA-512",
            text::brief(&odd.digest, 100)
        )),
        None => Ok(()),
    }
}

impl RawManifest {
    /// Reads the manifest in `bytes`. `told` is the media type of the answer. `what` names the manifest in errors.
    pub(in crate::oci) fn read(bytes: Bytes, told: Option<&str>, what: &str) -> Result<Self, OciError> {
        let refuse = |why: String| OciError::Unexpected { what: what.to_owned(), why, mend: MEND };
        // A list would be read as an object without names.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(refuse("its manifest cannot be read: it is no JSON object".to_owned()));
        }
        let wire: ManifestWire =
            http::json(&bytes).map_err(|error| refuse(format!("its manifest cannot be read: {error}")))?;
        if wire.schema_version != 2 {
            let why = format!("its manifest has schema {}, and only schema 2 is read", wire.schema_version);
            return Err(refuse(why));
        }
        let media_type = media_type(&wire, told)
            .map_err(|odd| {
                refuse(format!("its media type {} is that of no image or artifact", text::brief(odd, 100)))
            })?
            .to_owned();
        let (children, others): (Vec<_>, Vec<_>) =
            wire.manifests.into_iter().flatten().partition(DescriptorWire::is_manifest);
        let named = wire.config.into_iter().chain(wire.layers.into_iter().flatten());
        let named = named.chain(wire.blobs.into_iter().flatten()).chain(others);
        let (foreign, blobs): (Vec<_>, Vec<_>) = named.partition(DescriptorWire::is_foreign);
        // Foreign content too: it is named where a manifest is described, and its digest is anybody's text.
        check_count(children.len(), CHILDREN, "manifests").map_err(refuse)?;
        check_count(blobs.len() + foreign.len(), BLOBS, "blobs").map_err(refuse)?;
        for named in [&children, &blobs, &foreign] {
            check_digests(named).map_err(refuse)?;
        }
        let (children, blobs) = (once(children).map_err(refuse)?, once(blobs).map_err(refuse)?);
        Ok(Self {
            digest: digest(&bytes),
            bytes,
            media_type,
            children,
            blobs,
            foreign: foreign.len(),
            subject: wire.subject.map(|subject| subject.digest),
        })
    }

    /// The same under the digest `named`, if that is a digest of its bytes.
    pub(super) fn named(self, named: &str) -> Option<Self> {
        artifact::hashes_to(&self.bytes, named).then(|| Self { digest: named.to_owned(), ..self })
    }

    pub(in crate::oci) fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), INDEX | DOCKER_LIST)
    }
}

pub(in crate::oci) fn is_manifest_type(media_type: &str) -> bool {
    matches!(media_type, MANIFEST | INDEX | DOCKER_MANIFEST | DOCKER_LIST | ARTIFACT)
}

/// The media type: the manifest's own, else that of the answer, else by its form (image specification, "mediaType").
fn media_type<'a>(wire: &'a ManifestWire, told: Option<&'a str>) -> Result<&'a str, &'a str> {
    let told = told.map(|told| told.split(';').next().unwrap_or(told).trim());
    match (wire.media_type.as_deref(), told.filter(|told| is_manifest_type(told))) {
        (Some(own), _) if is_manifest_type(own) => Ok(own),
        (Some(odd), _) => Err(odd),
        (None, Some(told)) => Ok(told),
        (None, None) if wire.manifests.is_some() => Ok(INDEX),
        (None, None) if wire.config.is_some() => Ok(MANIFEST),
        (None, None) => Err(told.unwrap_or("(none)")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::{Value, json};

    use super::*;

    fn read(manifest: &Value, told: Option<&str>) -> Result<RawManifest, String> {
        RawManifest::read(manifest.to_string().into(), told, "r.io/a").map_err(|error| error.to_string())
    }

    fn blob(n: usize, kind: &str) -> Value {
        json!({"mediaType": kind, "digest": format!("sha256:{n:064}"), "size": n})
    }

    #[test]
    fn a_manifest_tells_what_it_names() {
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let (mut elsewhere, mut emptied) = (blob(3, foreign), blob(4, foreign));
        elsewhere["urls"] = json!(["https://s.example/3"]);
        emptied["urls"] = json!([]);
        let image = json!({"schemaVersion": 2, "config": blob(1, "c"), "layers": [blob(2, layer), elsewhere, emptied],
            "subject": blob(9, MANIFEST)});
        let read_image = read(&image, None).unwrap();
        assert_eq!(
            (read_image.media_type.as_str(), read_image.foreign, read_image.subject.is_some()),
            (MANIFEST, 1, true)
        );
        assert_eq!(read_image.blobs.iter().map(|blob| blob.size).collect::<Vec<_>>(), [1, 2, 4]);
        let index = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [blob(1, DOCKER_MANIFEST), blob(2, layer)]});
        let index = read(&index, Some("application/json; charset=utf-8")).unwrap();
        assert_eq!((index.children.len(), index.blobs.len(), index.is_index()), (1, 1, true));
    }

    #[test]
    fn what_is_named_often_is_kept_once() {
        let layers = |sizes: [u64; 3]| {
            let layers = sizes.map(|size| json!({"digest": format!("sha256:{:064}", 1), "size": size}));
            read(&json!({"schemaVersion": 2, "config": blob(2, "c"), "layers": layers}), None)
        };
        assert_eq!(layers([7; 3]).unwrap().blobs.len(), 2);
        assert!(layers([7, 7, 8]).unwrap_err().contains("has 7 and 8 bytes"));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let many = |n: usize| json!({"schemaVersion": 2, "manifests": (0..n).map(|n| blob(n, MANIFEST)).collect::<Vec<_>>()});
        assert!(read(&many(CHILDREN), None).is_ok());
        for (manifest, told, why) in [
            (json!({"schemaVersion": 1, "name": "a"}), None, "schema 1, and only schema 2"),
            (json!([2, MANIFEST, null, [], [], [], null]), None, "it is no JSON object"),
            (json!({"schemaVersion": 2, "mediaType": "text/html"}), None, "media type text/html"),
            (json!({"schemaVersion": 2}), Some("text/html"), "media type text/html"),
            (many(CHILDREN + 1), None, "names 1001 manifests, and at most 1000"),
            (
                json!({"schemaVersion": 2, "manifests": [{"digest": "../../x", "size": 1}]}),
                None,
                "../../x, which is no digest",
            ),
            (
                json!({"schemaVersion": 2, "manifests": [
                    {"mediaType": "x.foreign.y", "digest": "../../x", "size": 1, "urls": [1]}]}),
                None,
                "../../x, which is no digest",
            ),
            (
                json!({"schemaVersion": 2, "config":
                    {"mediaType": "x.foreign.y", "digest": "x".repeat(1 << 20), "size": 1, "urls": [1]}}),
                None,
                "x…, which is no digest",
            ),
            (
                json!({"schemaVersion": 2, "layers": [{"digest": "sha256:1", "size": -1}]}),
                Some(MANIFEST),
                "cannot be read",
            ),
        ] {
            let said = read(&manifest, told).unwrap_err();
            assert!(said.contains(why) && said.contains("build it again"), "{said}");
        }
    }
}
