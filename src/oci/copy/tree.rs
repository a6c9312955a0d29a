//! Everything that an image consists of: its manifests and blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::manifest::{Content, RawManifest};
use crate::limits::Held;

/// The most manifests of an image: those of all its platforms, and indexes within its index.
const MANIFESTS: usize = 2_000;
/// The most blobs that all manifests of an image name.
const BLOBS: usize = 10_000;
/// The most bytes of all manifests of an image. They are kept in memory until the copy ends.
const BYTES: usize = 16 << 20;

/// Everything that an image consists of.
#[derive(Debug, Default)]
pub(in crate::oci) struct ImageTree {
    /// Each manifest after those that it names. The last is the image's own.
    pub(in crate::oci) manifests: Vec<Arc<RawManifest>>,
    /// Each blob once.
    pub(super) blobs: Vec<Content>,
    /// The memory for them.
    _held: Option<Held>,
}

impl ImageTree {
    /// The tree of the manifest `top`, with everything that it names in `known`.
    ///
    /// # Errors Why there is none.
    pub(super) fn of(top: &str, known: &Known) -> Result<Self, String> {
        let (mut tree, mut seen, mut blobs) = (Self::default(), BTreeSet::new(), BTreeMap::new());
        add(top, &known.manifests, &mut seen, &mut tree.manifests);
        for blob in tree.manifests.iter().flat_map(|manifest| &manifest.blobs) {
            let size = *blobs.entry(blob.digest.as_str()).or_insert(blob.size);
            if size != blob.size {
                return Err(format!(
                    "its manifests say that blob {} has {size} and {} bytes",
                    blob.digest, blob.size
                ));
            }
        }
        let content = |(digest, size): (&str, u64)| Content { digest: digest.to_owned(), size };
        tree.blobs = blobs.into_iter().map(content).collect();
        Ok(tree)
    }

    /// The same with the memory that it needs.
    pub(super) fn holding(self, held: Held) -> Self {
        Self { _held: Some(held), ..self }
    }
}

/// The manifests that are known so far.
#[derive(Default)]
pub(super) struct Known {
    pub(super) manifests: BTreeMap<String, Arc<RawManifest>>,
    /// Their bytes, with those of the manifests that are read next.
    pub(super) bytes: usize,
    blobs: usize,
}

impl Known {
    /// Nothing yet. The first manifest has `bytes` bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Adds `manifest`. Returns its children, with their sizes.
    pub(super) fn add(&mut self, manifest: Arc<RawManifest>) -> BTreeMap<String, u64> {
        self.blobs += manifest.blobs.len();
        let children = manifest.children.iter().map(|child| (child.digest.clone(), child.size)).collect();
        self.manifests.insert(manifest.digest.clone(), manifest);
        children
    }

    /// Counts the manifests of the next level before they are read.
    pub(super) fn expect(&mut self, level: &BTreeMap<String, u64>) -> Result<(), String> {
        if self.manifests.len() + level.len() > MANIFESTS {
            return Err(format!("it has more than {MANIFESTS} manifests"));
        }
        for size in level.values() {
            self.bytes = self.bytes.saturating_add(usize::try_from(*size).unwrap_or(usize::MAX));
        }
        match self.bytes > BYTES {
            true => Err(format!("its manifests have more than {} MiB", BYTES >> 20)),
            false => Ok(()),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self.blobs > BLOBS {
            true => Err(format!("its manifests name more than {BLOBS} blobs")),
            false => Ok(()),
        }
    }
}

/// Adds the manifest `digest` to `ordered`, after everything that it names.
fn add<'a>(
    digest: &'a str,
    known: &'a BTreeMap<String, Arc<RawManifest>>,
    seen: &mut BTreeSet<&'a str>,
    ordered: &mut Vec<Arc<RawManifest>>,
) {
    let Some(manifest) = known.get(digest).filter(|_| seen.insert(digest)) else { return };
    manifest.children.iter().for_each(|child| add(&child.digest, known, seen, ordered));
    ordered.push(manifest.clone());
}
