//! Reads the manifests of an image.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use super::super::super::OciError;
use super::super::manifest::RawManifest;
use super::super::named::read;
use super::super::tree::{ImageTree, Known};
use super::SourceImage;

/// How deep indexes may be nested.
const DEPTH: usize = 4;
/// The number of manifests that are read at the same time.
const AT_A_TIME: usize = 6;

/// A tree, or the memory that it needs.
enum Read {
    Whole(ImageTree),
    /// The number of bytes of the manifests that are known so far.
    Larger(usize),
}

impl SourceImage<'_> {
    /// Everything that the image consists of. It is read once.
    pub(in crate::oci) async fn tree(&self) -> Result<&ImageTree, OciError> {
        self.tree.get_or_try_init(|| self.whole_tree()).await
    }

    /// An index says how large its manifests are, so that the memory for them is there before they are read. That of indexes within
    /// the index is known once these are read: then everything is read again, since nobody may wait for memory who has some.
    async fn whole_tree(&self) -> Result<ImageTree, OciError> {
        let mut bytes = self.top.bytes.len();
        loop {
            let held = self.memory.manifests(bytes + self.referrers).await?;
            match self.read_tree(&self.top, bytes).await? {
                Read::Whole(tree) => return Ok(tree.holding(held)),
                Read::Larger(more) => bytes = more,
            }
        }
    }

    /// Everything that `top` consists of. The caller has memory for manifests of `bytes` bytes.
    pub(in crate::oci::copy) async fn tree_within(
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
        let mut known = Known::new(top.bytes.len());
        let mut level = known.add(top.clone());
        for _ in 0..DEPTH {
            level.retain(|digest, _| !known.manifests.contains_key(digest));
            if level.is_empty() {
                return self.ordered(&top.digest, &known);
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
            true => self.ordered(&top.digest, &known),
            false => Err(self.refuse(format!("it has indexes within indexes, more than {DEPTH} deep"))),
        }
    }

    async fn child(&self, digest: String, size: u64) -> Result<RawManifest, OciError> {
        let mut repository = self.repository.fork();
        let found = read(&mut repository, &digest, self.deadline).await?;
        let child = found.ok_or_else(|| {
            self.refuse(format!("its index names {digest}, which the registry does not have; {}", self.gap))
        })?;
        match child.bytes.len() as u64 == size {
            true => Ok(child),
            false => Err(self.refuse(format!(
                "its index says that {digest} has {size} bytes, and it has {}",
                child.bytes.len()
            ))),
        }
    }

    fn ordered(&self, top: &str, known: &Known) -> Result<Read, OciError> {
        ImageTree::of(top, known).map(Read::Whole).map_err(|why| self.refuse(why))
    }
}
