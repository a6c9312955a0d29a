//! The shapes in which charts write an image as several parts. Each shape says which key of a mapping holds which part.

use super::error::Refusal;
use super::merge;
use super::quote::is_null;
use super::reference::Version;
use super::stream::Stream;

/// A row of the table: how a chart builds an image's name.
struct Row {
    /// The key whose value is the part before the name and a slash.
    prefix: Option<&'static str>,
    name: &'static str,
    /// The keys that must also exist.
    needs: &'static [&'static str],
    tags: &'static [&'static str],
}

pub(super) const TAGS: &[&str] = &["tag", "imageTag", "version"];

/// The shape of a mapping is the first row that matches it completely.
const ROWS: &[Row] = &[
    // An entry of kustomize's `images`.
    Row { prefix: None, name: "newName", needs: &["name", "newName"], tags: &["newTag"] },
    Row { prefix: None, name: "newName", needs: &["name", "newTag"], tags: &["newTag"] },
    // ingress-nginx, tigera-operator.
    Row { prefix: Some("registry"), name: "image", needs: &["registry", "image"], tags: TAGS },
    // Bitnami, kube-prometheus-stack, Grafana.
    Row { prefix: Some("registry"), name: "repository", needs: &["registry", "repository"], tags: TAGS },
    Row { prefix: Some("registry"), name: "name", needs: &["registry", "name"], tags: TAGS },
    // Istio.
    Row { prefix: Some("hub"), name: "image", needs: &["hub", "image"], tags: TAGS },
    // A host and a path.
    Row { prefix: Some("repository"), name: "image", needs: &["repository", "image"], tags: TAGS },
    // What `helm create` writes, and most charts.
    Row { prefix: None, name: "repository", needs: &["repository"], tags: TAGS },
    // Elastic.
    Row { prefix: None, name: "image", needs: &["image"], tags: TAGS },
    Row { prefix: None, name: "name", needs: &["name", "tag"], tags: TAGS },
    Row { prefix: None, name: "name", needs: &["name", "digest"], tags: TAGS },
    Row { prefix: None, name: "name", needs: &["name", "version"], tags: TAGS },
    Row { prefix: None, name: "name", needs: &["name"], tags: TAGS },
    // Values that override only the fields that change.
    Row { prefix: None, name: "repository", needs: &["tag"], tags: TAGS },
    Row { prefix: None, name: "repository", needs: &["digest"], tags: TAGS },
    Row { prefix: None, name: "repository", needs: &["imageTag"], tags: TAGS },
    Row { prefix: None, name: "repository", needs: &["sha"], tags: TAGS },
];

pub(super) const DIGESTS: &[&str] = &["digest", "imageDigest", "sha"];

/// Keys that hold a part of an image in some chart. If such a key has a value and the row does not use it, the row does
/// not match, because the rendered image would be unknown. `name` is often only a label, and `version` the
/// application's.
const WORDS: &[&str] = &[
    "registry",
    "hub",
    "repository",
    "image",
    "tag",
    "imageTag",
    "digest",
    "imageDigest",
    "sha",
    "newName",
    "newTag",
    "override",
];

/// The keys of one mapping, by the part of the image that they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) prefix: Option<String>,
    pub(super) name: String,
    pub(super) tag: Option<String>,
    pub(super) digest: Option<String>,
}

/// The values of a mapping, by key.
pub(super) struct Keys<'a> {
    stream: &'a Stream,
    mapping: usize,
}

impl<'a> Keys<'a> {
    pub(super) fn of(stream: &'a Stream, mapping: usize) -> Self {
        Self { stream, mapping }
    }

    fn has(&self, key: &str) -> bool {
        self.node(key).is_some_and(|node| self.stream.scalar(node).is_some())
    }

    fn node(&self, key: &str) -> Option<usize> {
        let merged = || Some(merge::supplied(self.stream, self.mapping, key)?.value);
        self.stream.get(self.mapping, key).or_else(merged).map(|node| self.stream.resolved(node))
    }

    /// The text under `key`, unless it is null or empty.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        let text = self.stream.scalar(self.node(key)?)?.trim_end_matches('\n');
        Some(text).filter(|text| !is_null(text))
    }

    /// The keys among `keys` that hold a digest that the chart uses.
    pub(super) fn pins(&self, keys: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
        let is_on = self.stream.is_mapping(self.mapping) && self.text("useDigest") != Some("false");
        keys.iter().copied().filter(move |key| is_on && self.text(key).is_some())
    }

    /// The names of all keys.
    pub(super) fn names(&self) -> Vec<String> {
        let keys = self.stream.pairs(self.mapping).filter_map(|(key, _)| self.stream.scalar(key));
        keys.map(|key| format!("`{key}`")).collect()
    }

    /// Whether another key of this mapping, such as Cilium's `genericDigest`, pins an image with a digest.
    fn other_pins(&self, digest: Option<&str>) -> bool {
        let keys = self.stream.pairs(self.mapping).filter_map(|(key, _)| self.stream.scalar(key));
        let mut pins = keys.filter(|key| {
            let lower = key.to_ascii_lowercase();
            Some(*key) != digest && (lower.contains("digest") || lower.contains("sha256"))
        });
        pins.any(|key| {
            let is_switch = key.starts_with("use");
            // ingress-nginx uses this digest for another image, which `chroot: true` selects.
            let is_off = key == "digestChroot" && self.text("chroot") != Some("true");
            self.text(key).is_some() && !is_switch && !is_off
        })
    }

    /// The shape of this mapping, or the reason why no row matches.
    pub(super) fn shape(&self) -> Result<Shape, Refusal> {
        let shape = ROWS.iter().find_map(|row| self.fitting(row));
        shape.ok_or_else(|| Refusal::UnknownShape { keys: self.names().join(", ") })
    }

    fn fitting(&self, row: &Row) -> Option<Shape> {
        let is_there = |key: &&str| self.has(key);
        if !row.needs.iter().all(is_there) {
            return None;
        }
        if row.prefix.is_some() && self.text(row.name).is_none() {
            return None;
        }
        let tag = row.tags.iter().copied().find(is_there);
        let digest = DIGESTS.iter().copied().find(|key| self.text(key).is_some());
        let digest = digest.or_else(|| DIGESTS.iter().copied().find(is_there));
        let used = [row.prefix, Some(row.name), tag, digest];
        let is_left = |word: &str| self.text(word).is_some() && !used.contains(&Some(word));
        if WORDS.iter().any(|word| is_left(word)) || self.other_pins(digest) {
            return None;
        }
        Some(Shape {
            prefix: row.prefix.map(str::to_owned),
            name: row.name.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// The shape of the string under `key` with the keys beside it, such as `image` and `tag`, or `apiImage` and
    /// `apiImageTag`. None if that string is the whole image, or is not an image.
    pub(super) fn beside(&self, key: &str) -> Option<Result<Shape, Refusal>> {
        let there = |name: String| Some(name).filter(|name| self.has(name));
        let (tag, digest) = (there(format!("{key}Tag")), there(format!("{key}Digest")));
        if key != "image" && (tag.is_some() || digest.is_some()) {
            return Some(Ok(Shape { prefix: None, name: key.to_owned(), tag, digest }));
        }
        let versions = TAGS.iter().chain(DIGESTS).chain(&["newTag"]).any(|key| self.has(key));
        let is_part = |shape: &Shape| {
            let all =
                [shape.prefix.as_deref(), Some(&shape.name), shape.tag.as_deref(), shape.digest.as_deref()];
            all.contains(&Some(key))
        };
        match self.shape() {
            Ok(shape) if versions && is_part(&shape) => Some(Ok(shape)),
            Err(refusal) if versions && WORDS.contains(&key) => Some(Err(refusal)),
            _ => None,
        }
    }

    /// The version that the keys of `shape` hold, and whether the digest is inside the tag.
    pub(super) fn version(&self, shape: &Shape) -> (Version<'a>, bool) {
        let text = |key: &Option<String>| key.as_deref().and_then(|key| self.text(key));
        let tag = text(&shape.tag).map_or(Version { tag: None, digest: None }, Version::in_tag);
        match tag.digest {
            Some(_) => (tag, true),
            None => (Version { tag: tag.tag, digest: text(&shape.digest) }, false),
        }
    }
}
