//! A subset of an image's platforms, which is a new index.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;

use super::super::OciError;
use super::manifest::RawManifest;
use super::source::SourceImage;
use crate::http;
use crate::text;

/// The annotation with which BuildKit names the image of an attestation (buildkit
/// `docs/attestations/attestation-storage.md`).
const ATTESTED: &str = "vnd.docker.reference.digest";

impl SourceImage<'_> {
    /// Leaves out every platform but `platforms` (`os/arch[/variant]`), with its attestations. Returns the platforms
    /// that were left out, each once. If there is none, the image stays as it is.
    ///
    /// # Errors The image has no index, or lacks one of the platforms.
    pub fn keep(&mut self, platforms: &[String]) -> Result<Vec<String>, OciError> {
        if !self.top.is_index() {
            let why =
                "it is of one platform and has no index, so no platform can be chosen; leave out `platforms`";
            return Err(self.refuse(why.to_owned()));
        }
        let mut index: Value = http::json(&self.top.bytes).map_err(|why| self.refuse(why))?;
        let entries = index["manifests"].as_array().cloned().unwrap_or_default();
        let chosen = choose(&entries, platforms);
        if let Some(lacking) = platforms.iter().find(|wanted| !chosen.found.contains(*wanted)) {
            let all: BTreeSet<_> = entries.iter().filter_map(platform).collect();
            let all = all.into_iter().collect::<Vec<_>>().join(", ");
            return Err(
                self.refuse(format!("it has no platform {lacking}; it has {}", text::brief(&all, 500)))
            );
        }
        if chosen.kept.len() == entries.len() {
            return Ok(Vec::new());
        }
        index["manifests"] = Value::Array(chosen.kept);
        let (bytes, kind) = (index.to_string(), self.top.media_type.clone());
        let top = RawManifest::read(bytes.into(), Some(&kind), &format!("image {}", self.image))?;
        self.top = Arc::new(top);
        self.tree = OnceCell::new();
        Ok(chosen.dropped.into_iter().collect())
    }
}

/// Some entries of an index.
struct Chosen {
    kept: Vec<Value>,
    /// The wanted platforms that are there.
    found: BTreeSet<String>,
    dropped: BTreeSet<String>,
}

fn choose(entries: &[Value], platforms: &[String]) -> Chosen {
    let (mut found, mut dropped, mut digests) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for entry in entries.iter().filter(|entry| attested(entry).is_none()) {
        let name = platform(entry);
        match name.filter(|name| platforms.contains(name)) {
            Some(name) => {
                found.insert(name);
                digests.extend(entry["digest"].as_str());
            }
            None => {
                dropped.insert(platform(entry).unwrap_or_else(|| "an entry without a platform".to_owned()));
            }
        }
    }
    let is_kept =
        |entry: &&Value| attested(entry).or(entry["digest"].as_str()).is_some_and(|d| digests.contains(d));
    Chosen { kept: entries.iter().filter(is_kept).cloned().collect(), found, dropped }
}

/// The digest of the image that an attestation is about.
pub(in crate::oci) fn attested(entry: &Value) -> Option<&str> {
    entry["annotations"][ATTESTED].as_str()
}

/// The platform of an entry, in BuildKit's spelling (containerd `platforms/database.go`).
pub(in crate::oci) fn platform(entry: &Value) -> Option<String> {
    let part = |name: &str| entry["platform"][name].as_str().filter(|part| !part.is_empty());
    let (os, arch) = (part("os")?, part("architecture")?);
    let variant = match (arch, part("variant")) {
        ("arm64", Some("v8" | "8")) | ("amd64", Some("v1")) => None,
        ("arm", None | Some("7")) => Some("v7"),
        (_, variant) => variant,
    };
    let name = match variant {
        Some(variant) => format!("{os}/{arch}/{variant}"),
        None => format!("{os}/{arch}"),
    };
    Some(text::brief(&name, 60))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(digest: &str, os: &str, arch: &str, variant: &str) -> Value {
        json!({"digest": digest, "platform": {"os": os, "architecture": arch, "variant": variant}})
    }

    #[test]
    fn attestations_stay_with_their_platform() {
        let attestation = |digest: &str, of: &str| {
            json!({"digest": digest, "annotations": {ATTESTED: of},
            "platform": {"os": "unknown", "architecture": "unknown"}})
        };
        let entries = [
            entry("a", "linux", "amd64", ""),
            entry("b", "linux", "arm64", "v8"),
            entry("c", "linux", "arm", ""),
            attestation("d", "a"),
            attestation("e", "b"),
        ];
        let digests = |platforms: &[&str]| {
            let chosen =
                choose(&entries, &platforms.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            let kept: Vec<_> = chosen.kept.iter().filter_map(|entry| entry["digest"].as_str()).collect();
            (kept.join(""), chosen.found.len(), chosen.dropped.into_iter().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(digests(&["linux/amd64"]), ("ad".to_owned(), 1, "linux/arm/v7 linux/arm64".to_owned()));
        assert_eq!(
            digests(&["linux/arm64", "linux/arm/v7"]),
            ("bce".to_owned(), 2, "linux/amd64".to_owned())
        );
        assert_eq!(digests(&["linux/s390x"]).1, 0);
    }
}
