//! Annotations of the pushed image, by level.

use std::collections::BTreeMap;

use super::Platform;
use crate::step::InvalidStep;
use crate::step::node::Node;

/// The part of an image that an annotation belongs to (buildkit `exporter/containerimage/exptypes/annotations.go`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The manifest of the named platform, or of every platform.
    Manifest(Option<String>),
    /// The index of an image for several platforms.
    Index,
    /// The index's entry for a manifest.
    ManifestDescriptor(Option<String>),
    /// The entry for the index, if an OCI layout is written.
    IndexDescriptor,
}

/// The prefixes of a level.
const KINDS: [&str; 2] = ["manifest", "index"];

/// Annotations, by level and name.
pub type Annotations = BTreeMap<(Level, String), String>;

impl Level {
    /// BuildKit's name for the level, which precedes the annotation's name in the exporter's attribute.
    pub fn attr(&self) -> String {
        let at = |kind: &str, platform: &Option<String>| {
            platform.as_ref().map_or_else(|| kind.to_owned(), |platform| format!("{kind}[{platform}]"))
        };
        match self {
            Self::Manifest(None) => "annotation".to_owned(),
            Self::Manifest(platform) => at("annotation-manifest", platform),
            Self::Index => "annotation-index".to_owned(),
            Self::ManifestDescriptor(platform) => at("annotation-manifest-descriptor", platform),
            Self::IndexDescriptor => "annotation-index-descriptor".to_owned(),
        }
    }

    /// Parses a level in the spelling of `docker buildx build --annotation`.
    fn parse(text: &str) -> Result<Self, String> {
        let (kind, platform) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
            Some((kind, platform)) => {
                let platform = Platform::parse(platform)?;
                (kind, Some(platform.to_string()))
            }
            None => (text, None),
        };
        match (kind, platform) {
            ("manifest", platform) => Ok(Self::Manifest(platform)),
            ("manifest-descriptor", platform) => Ok(Self::ManifestDescriptor(platform)),
            ("index", None) => Ok(Self::Index),
            ("index-descriptor", None) => Ok(Self::IndexDescriptor),
            ("index" | "index-descriptor", Some(_)) => Err(format!("`{kind}` is of no one platform")),
            _ => Err(format!("`{kind}` is no level")),
        }
    }
}

/// Reads a map whose keys are `NAME`, `LEVEL:NAME` or `LEVEL[PLATFORM]:NAME`. Several levels are separated by commas.
pub(super) fn read(node: Node<'_>) -> Result<Annotations, InvalidStep> {
    let mut all = Annotations::new();
    for (key, node) in node.map()? {
        let (levels, name) = split(&key).map_err(|why| node.refuse(why))?;
        let value = node.verbatim()?;
        all.extend(levels.into_iter().map(|level| ((level, name.clone()), value.clone())));
    }
    Ok(all)
}

/// Splits a key at the colon after the levels. An annotation's name may contain a colon too, after text that is not a level.
fn split(key: &str) -> Result<(Vec<Level>, String), String> {
    let (levels, name) = match key.split_once(':') {
        Some((levels, name)) if KINDS.iter().any(|kind| levels.starts_with(kind)) => {
            (levels.split(',').map(Level::parse).collect::<Result<_, _>>()?, name)
        }
        _ => (vec![Level::Manifest(None)], key),
    };
    // BuildKit silently drops a name with a space.
    let valid = !name.is_empty() && !name.contains(char::is_whitespace);
    if valid { Ok((levels, name.to_owned())) } else { Err("the name of an annotation has no spaces".into()) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn levels_are_spelt_as_buildx_spells_them() {
        let rows = [
            ("org.example/a", "annotation", "org.example/a"),
            ("example.com:5000/a", "annotation", "example.com:5000/a"),
            ("manifest:a", "annotation", "a"),
            ("index:a", "annotation-index", "a"),
            ("manifest[linux/arm64]:a:b", "annotation-manifest[linux/arm64]", "a:b"),
            ("manifest-descriptor:a", "annotation-manifest-descriptor", "a"),
            ("index-descriptor:a", "annotation-index-descriptor", "a"),
        ];
        for (key, attr, name) in rows {
            let (levels, found) = split(key).unwrap();
            assert_eq!((levels[0].attr().as_str(), found.as_str(), levels.len()), (attr, name, 1), "{key}");
        }
        assert_eq!(split("index,manifest:a").unwrap().0, [Level::Index, Level::Manifest(None)]);
        for key in ["a b", "", "index:", "index[linux/amd64]:a", "manifest[amd64]:a", "indexed:a"] {
            split(key).unwrap_err();
        }
    }
}
