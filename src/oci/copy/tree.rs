//! Everything that an image consists of: its manifests and blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use super::super::OciError;
use super::manifest::{Content, RawManifest};
use super::source::{SourceImage, read};
use crate::limits::Held;

/// The most manifests of an image: those of all its platforms, and indexes within its index.
const MANIFESTS: usize = 2_000;
/// The most blobs that all manifests of an image name.
const BLOBS: usize = 10_000;
/// The most bytes of all manifests of an image. They are kept in memory until the copy ends.
pub(super) const BYTES: usize = 16 << 20;
/// How deep indexes may be nested.
const DEPTH: usize = 4;
/// The number of manifests that are read at the same time.
const AT_A_TIME: usize = 6;

/// Everything that an image consists of.
#[derive(Debug, Default)]
pub(super) struct ImageTree {
    /// Each manifest after those that it names. The last is the image's own.
    pub(super) manifests: Vec<Arc<RawManifest>>,
    /// Each blob once.
    pub(super) blobs: Vec<Content>,
    /// The memory for them.
    _held: Option<Held>,
}

/// A tree, or the memory that it needs.
enum Read {
    Whole(ImageTree),
    /// The number of bytes of the manifests that are known so far.
    Larger(usize),
}

impl SourceImage<'_> {
    /// Everything that the image consists of. It is read once.
    pub(super) async fn tree(&self) -> Result<&ImageTree, OciError> {
        self.tree.get_or_try_init(|| self.whole_tree()).await
    }

    /// An index says how large its manifests are, so that the memory for them is there before they are read. That of indexes within
    /// the index is known once these are read: then everything is read again, since nobody may wait for memory who has some.
    async fn whole_tree(&self) -> Result<ImageTree, OciError> {
        let mut bytes = self.top.bytes.len();
        loop {
            let held = self.memory.manifests(bytes + self.referrers).await?;
            match self.read_tree(&self.top, bytes).await? {
                Read::Whole(tree) => return Ok(ImageTree { _held: Some(held), ..tree }),
                Read::Larger(more) => bytes = more,
            }
        }
    }

    /// Everything that `top` consists of. The caller has memory for manifests of `bytes` bytes.
    pub(super) async fn tree_within(
        &self,
        top: &Arc<RawManifest>,
        bytes: usize,
    ) -> Result<ImageTree, OciError> {
        match self.read_tree(top, bytes).await? {
            Read::Whole(tree) => Ok(tree),
            Read::Larger(more) => Err(self.refuse(format!(
                "the manifests of {}, which refers to it, have {more} bytes, and at most {bytes} are copied",
                top.digest
            ))),
        }
    }

    /// Reads all manifests below `top`, if they have at most `allowed` bytes.
    async fn read_tree(&self, top: &Arc<RawManifest>, allowed: usize) -> Result<Read, OciError> {
        let mut known = Known { bytes: top.bytes.len(), ..Known::default() };
        let mut level = known.add(top.clone());
        for _ in 0..DEPTH {
            level.retain(|digest, _| !known.manifests.contains_key(digest));
            if level.is_empty() {
                return self.ordered(&top.digest, &known.manifests).map(Read::Whole);
            }
            known.expect(&level).map_err(|why| self.refuse(why))?;
            if known.bytes > allowed {
                return Ok(Read::Larger(known.bytes));
            }
            let mut reads: Vec<BoxFuture<'_, Result<RawManifest, OciError>>> = Vec::new();
            for (digest, size) in std::mem::take(&mut level) {
                reads.push(self.child(digest, size).boxed());
            }
            let mut reads = stream::iter(reads).buffer_unordered(AT_A_TIME);
            while let Some(child) = reads.try_next().await? {
                level.extend(known.add(Arc::new(child)));
                known.check().map_err(|why| self.refuse(why))?;
            }
        }
        level.retain(|digest, _| !known.manifests.contains_key(digest));
        match level.is_empty() {
            true => self.ordered(&top.digest, &known.manifests).map(Read::Whole),
            false => Err(self.refuse(format!("it has indexes within indexes, more than {DEPTH} deep"))),
        }
    }

    async fn child(&self, digest: String, size: u64) -> Result<RawManifest, OciError> {
        let mut repository = self.repository.fork();
        let found = read(&mut repository, &digest, self.deadline).await?;
        let child = found.ok_or_else(|| {
            self.refuse(format!(
                "its index names {digest}, which the registry does not have; `platforms` copies those that are there"
            ))
        })?;
        match child.bytes.len() as u64 == size {
            true => Ok(child),
            false => Err(self.refuse(format!(
                "its index says that {digest} has {size} bytes, and it has {}",
                child.bytes.len()
            ))),
        }
    }

    fn ordered(&self, top: &str, known: &BTreeMap<String, Arc<RawManifest>>) -> Result<ImageTree, OciError> {
        let (mut tree, mut seen, mut blobs) = (ImageTree::default(), BTreeSet::new(), BTreeMap::new());
        add(top, known, &mut seen, &mut tree.manifests);
        for blob in tree.manifests.iter().flat_map(|manifest| &manifest.blobs) {
            let size = *blobs.entry(blob.digest.as_str()).or_insert(blob.size);
            if size != blob.size {
                let why =
                    format!("its manifests say that blob {} has {size} and {} bytes", blob.digest, blob.size);
                return Err(self.refuse(why));
            }
        }
        let content = |(digest, size): (&str, u64)| Content { digest: digest.to_owned(), size };
        tree.blobs = blobs.into_iter().map(content).collect();
        Ok(tree)
    }
}

/// The manifests that are known so far.
#[derive(Default)]
struct Known {
    manifests: BTreeMap<String, Arc<RawManifest>>,
    /// Their bytes, with those of the manifests that are read next.
    bytes: usize,
    blobs: usize,
}

impl Known {
    /// Adds `manifest`. Returns its children, with their sizes.
    fn add(&mut self, manifest: Arc<RawManifest>) -> BTreeMap<String, u64> {
        self.blobs += manifest.blobs.len();
        let children = manifest.children.iter().map(|child| (child.digest.clone(), child.size)).collect();
        self.manifests.insert(manifest.digest.clone(), manifest);
        children
    }

    /// Counts the manifests of the next level before they are read.
    fn expect(&mut self, level: &BTreeMap<String, u64>) -> Result<(), String> {
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

    fn check(&self) -> Result<(), String> {
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
