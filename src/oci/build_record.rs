//! What an image in a registry says about its own build: an annotation of its index, and the provenance that BuildKit
//! attached to each platform (buildkit `docs/attestations/attestation-storage.md`, SLSA `provenance/v1`).
//!
//! None of it is signed: whoever may push to the repository may write it.

use serde_json::Value;

use super::artifact::digest;
use super::read::LOG_READ;
use super::registry::is_digest;
use super::repository::{Access, ImageRepository};
use super::{Auth, ImageRef, OciError, Registry};

/// The most platforms whose provenance is read.
const PLATFORMS: usize = 32;
/// The most sources of a build.
const SOURCES: usize = 200;
/// The annotations of an attestation's entry in the index: its kind, and the image that it is about.
const KIND: &str = "vnd.docker.reference.type";
const ABOUT: &str = "vnd.docker.reference.digest";
/// The annotation of an attestation's layer, and how the type of a provenance begins.
const PREDICATE: &str = "in-toto.io/predicate-type";
const PROVENANCE: &str = "https://slsa.dev/provenance/";

/// An image that says how it was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRecord {
    /// The digest of the index.
    pub digest: String,
    /// Everything that the build read, of all platforms.
    pub sources: Vec<BuildSource>,
}

/// Something that a build read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuildSource {
    /// A package URL of an image, or the address of a file or a repository.
    pub uri: String,
    /// The hexadecimal digits of its digest, or the id of a commit.
    pub digest: String,
}

impl Registry {
    /// Reads how `image` was built, if its index has `annotation` (name and value) and each of its platforms a provenance. With
    /// `insecure`, any certificate and plain http are accepted.
    ///
    /// # Errors The registry does not answer, refuses the login, or answers with something else.
    pub async fn build_record(
        &self,
        image: &ImageRef,
        annotation: (&str, &str),
        auth: &Auth,
        insecure: bool,
    ) -> Result<Option<BuildRecord>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let Some((bytes, index)) = repository.manifest(image.target()).await? else { return Ok(None) };
        let (name, value) = annotation;
        if index["annotations"][name] != value {
            return Ok(None);
        }
        let Some(attestations) = attestations(&index) else { return Ok(None) };
        let mut sources = Vec::new();
        for attestation in attestations {
            match repository.sources(attestation).await? {
                Some(found) => sources.extend(found),
                None => return Ok(None),
            }
        }
        sources.sort();
        sources.dedup();
        Ok(Some(BuildRecord { digest: digest(&bytes), sources })
            .filter(|record| record.sources.len() <= SOURCES))
    }
}

impl ImageRepository<'_> {
    /// The sources in the provenance of the attestation manifest `digest`; `None` if it has none, or not all of them.
    async fn sources(&mut self, digest: &str) -> Result<Option<Vec<BuildSource>>, OciError> {
        // A digest becomes a part of a request's path, and this one is anybody's text.
        if !is_digest(digest) {
            return Ok(None);
        }
        let Some((_, manifest)) = self.manifest(digest).await? else { return Ok(None) };
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let is_provenance = |layer: &&Value| {
            layer["annotations"][PREDICATE].as_str().is_some_and(|kind| kind.starts_with(PROVENANCE))
        };
        let layer = layers.clone().find(is_provenance).and_then(|layer| layer["digest"].as_str());
        let Some(layer) = layer.filter(|layer| is_digest(layer)) else { return Ok(None) };
        let statement = self.blob(layer, "an attestation", LOG_READ).await?;
        Ok(crate::http::json(&statement).ok().and_then(|statement: Value| sources(&statement["predicate"])))
    }
}

/// The digests of the attestation manifests, one for each platform of the index; `None` if a platform has none.
fn attestations(index: &Value) -> Option<Vec<&str>> {
    let entries = index["manifests"].as_array()?;
    let is_attestation = |entry: &&Value| entry["annotations"][KIND] == "attestation-manifest";
    let about = |image: &Value| {
        let found = entries.iter().filter(is_attestation).find(|entry| entry["annotations"][ABOUT] == *image);
        found?["digest"].as_str()
    };
    let images = entries.iter().filter(|entry| !is_attestation(entry));
    let found: Vec<_> = images.map(|image| about(&image["digest"])).collect::<Option<_>>()?;
    (1..=PLATFORMS).contains(&found.len()).then_some(found)
}

/// What a predicate lists, in version 1 or 0.2. `None` if it says itself that it does not list everything.
fn sources(predicate: &Value) -> Option<Vec<BuildSource>> {
    let v1 = &predicate["buildDefinition"]["resolvedDependencies"];
    let (listed, completeness) = match v1.is_array() || predicate["buildDefinition"].is_object() {
        true => (v1, &predicate["runDetails"]["metadata"]["buildkit_completeness"]["resolvedDependencies"]),
        false => (&predicate["materials"], &predicate["metadata"]["completeness"]["materials"]),
    };
    // A build without any source has no list.
    let none = Vec::new();
    let listed = if listed.is_null() { &none } else { listed.as_array()? };
    let source = |entry: &Value| {
        let digests = entry["digest"].as_object()?;
        let digest = digests.values().next()?.as_str()?;
        Some(BuildSource { uri: entry["uri"].as_str()?.to_owned(), digest: digest.to_owned() })
    };
    (*completeness == true).then(|| listed.iter().map(source).collect()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_platform_needs_an_attestation() {
        let image = |digest: &str| json!({"digest": digest, "platform": {"os": "linux"}});
        let attestation = |digest: &str, about: &str| json!({"digest": digest, "annotations": {KIND: "attestation-manifest", ABOUT: about}});
        let of = |entries: &[Value]| json!({"manifests": entries});
        let index = of(&[image("a"), image("b"), attestation("c", "a"), attestation("d", "b")]);
        assert_eq!(attestations(&index), Some(vec!["c", "d"]));
        assert_eq!(attestations(&of(&[image("a"), image("b"), attestation("c", "a")])), None);
        assert_eq!(attestations(&of(&[attestation("c", "a")])), None);
        assert_eq!(attestations(&of(&[])), None);
        assert_eq!(attestations(&json!({"layers": []})), None);
    }

    #[test]
    fn sources_are_read_if_all_are_listed() {
        let list = json!([{"uri": "pkg:docker/a@1", "digest": {"sha256": "0123"}}]);
        let found = Some(vec![BuildSource { uri: "pkg:docker/a@1".to_owned(), digest: "0123".to_owned() }]);
        let new = |list: &Value, complete: Value| {
            json!({"buildDefinition": {"resolvedDependencies": list},
                "runDetails": {"metadata": {"buildkit_completeness": {"resolvedDependencies": complete}}}})
        };
        let old = json!({"materials": list, "metadata": {"completeness": {"materials": true}}});
        assert_eq!(sources(&new(&list, json!(true))), found);
        assert_eq!(sources(&old), found);
        assert_eq!(sources(&new(&Value::Null, json!(true))), Some(Vec::new()));
        assert_eq!(sources(&new(&list, json!(false))), None);
        assert_eq!(sources(&new(&list, Value::Null)), None);
        assert_eq!(sources(&new(&json!([{"uri": "pkg:docker/a@1"}]), json!(true))), None);
        assert_eq!(sources(&json!({})), None);
    }
}
