//! The image that is copied: its manifests, read once and kept as bytes.

use std::collections::{BTreeMap, BTreeSet};

use ::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Method, StatusCode};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::super::log::MANIFEST_READ;
use super::super::read::ReadRequest;
use super::super::repository::{Access, ImageRepository};
use super::super::{Auth, ImageRef, OciError, Registry};
use super::manifest::{COPIED, Content, MEND, RawManifest};
use super::tries::{Failed, Tries};
use crate::http::Network;

/// The most manifests of an image: those of all its platforms, and indexes within its index.
const MANIFESTS: usize = 2_000;
/// The most bytes of all manifests of an image. They are kept in memory until the copy ends.
pub(super) const BYTES: usize = 16 << 20;
/// How deep indexes may be nested.
const DEPTH: usize = 4;
/// The number of manifests that are read at the same time.
const AT_A_TIME: usize = 6;

/// An image in a registry, to be copied.
pub struct SourceImage<'a> {
    pub(super) image: &'a ImageRef,
    pub(super) repository: ImageRepository<'a>,
    pub(super) top: RawManifest,
    pub(super) deadline: Instant,
    /// Everything below `top`, once it was read.
    pub(super) tree: OnceCell<ImageTree>,
    /// The digest that the image's name meant when it was read.
    resolved: String,
}

/// Everything that an image consists of.
#[derive(Debug, Default)]
pub(super) struct ImageTree {
    /// Each manifest after those that it names. The last is the image's own.
    pub(super) manifests: Vec<RawManifest>,
    /// Each blob once.
    pub(super) blobs: Vec<Content>,
}

impl Registry {
    /// Reads the manifest of `image`, to copy the image. A tag is resolved here, once. With `insecure`, any certificate
    /// and plain http are accepted. Nothing is tried again after `deadline`.
    ///
    /// # Errors There is no such image, or it is none that can be copied, or the registry does not answer.
    pub async fn source_image<'a>(
        &'a self,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        deadline: Instant,
    ) -> Result<SourceImage<'a>, OciError> {
        let mut repository = ImageRepository::new(&self.copying, image, auth, insecure, Access::Pull)?;
        let top = read(&mut repository, image.target(), deadline).await?;
        let top = top.ok_or_else(|| repository.absent())?;
        let (resolved, tree) = (top.digest.clone(), OnceCell::new());
        Ok(SourceImage { image, repository, resolved, top, deadline, tree })
    }
}

impl SourceImage<'_> {
    /// Follows redirects of blobs only to public servers over https. The first chunks of a blob are sent on before its
    /// digest is known, so a hostile registry could show its owner what a server of the cluster answers.
    #[must_use]
    pub fn from_public_stores(mut self) -> Self {
        self.repository.blobs = Network::Public;
        self
    }

    /// The digest that the image's name meant when it was read.
    pub fn resolved(&self) -> &str {
        &self.resolved
    }

    /// The digest of what is copied. It differs from [`Self::resolved`] if platforms were left out.
    pub fn digest(&self) -> &str {
        &self.top.digest
    }

    /// The number of layers that no registry has, because the manifest says where else they are.
    pub fn foreign(&self) -> usize {
        let all = |tree: &ImageTree| tree.manifests.iter().map(|manifest| manifest.foreign).sum();
        self.tree.get().map_or(self.top.foreign, all)
    }

    /// Everything that the image consists of. It is read once.
    pub(super) async fn tree(&self) -> Result<&ImageTree, OciError> {
        self.tree.get_or_try_init(|| self.tree_of(&self.top)).await
    }

    /// Reads all manifests below `top`.
    pub(super) async fn tree_of(&self, top: &RawManifest) -> Result<ImageTree, OciError> {
        let mut known = BTreeMap::from([(top.digest.clone(), top.clone())]);
        let mut level: BTreeMap<String, u64> = children(top).collect();
        for _ in 0..DEPTH {
            level.retain(|digest, _| !known.contains_key(digest));
            if level.is_empty() {
                return self.ordered(&top.digest, &known);
            }
            if known.len() + level.len() > MANIFESTS {
                return Err(self.refuse(format!("it has more than {MANIFESTS} manifests")));
            }
            let mut reads: Vec<BoxFuture<'_, Result<RawManifest, OciError>>> = Vec::new();
            for (digest, size) in std::mem::take(&mut level) {
                reads.push(self.child(digest, size).boxed());
            }
            let mut reads = stream::iter(reads).buffer_unordered(AT_A_TIME);
            while let Some(child) = reads.try_next().await? {
                level.extend(children(&child));
                known.insert(child.digest.clone(), child);
                if known.values().map(|each| each.bytes.len()).sum::<usize>() > BYTES {
                    return Err(self.refuse(format!("its manifests have more than {} MiB", BYTES >> 20)));
                }
            }
        }
        level.retain(|digest, _| !known.contains_key(digest));
        match level.is_empty() {
            true => self.ordered(&top.digest, &known),
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

    fn ordered(&self, top: &str, known: &BTreeMap<String, RawManifest>) -> Result<ImageTree, OciError> {
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

    pub(super) fn refuse(&self, why: String) -> OciError {
        OciError::Unexpected { what: format!("image {}", self.image), why, mend: MEND }
    }
}

fn children(manifest: &RawManifest) -> impl Iterator<Item = (String, u64)> + '_ {
    manifest.children.iter().map(|child| (child.digest.clone(), child.size))
}

/// Adds the manifest `digest` to `ordered`, after everything that it names.
fn add<'a>(
    digest: &'a str,
    known: &'a BTreeMap<String, RawManifest>,
    seen: &mut BTreeSet<&'a str>,
    ordered: &mut Vec<RawManifest>,
) {
    let Some(manifest) = known.get(digest).filter(|_| seen.insert(digest)) else { return };
    manifest.children.iter().for_each(|child| add(&child.digest, known, seen, ordered));
    ordered.push(manifest.clone());
}

/// Reads the manifest `target`; `None` if there is none. If `target` is a digest, the manifest has it.
pub(super) async fn read(
    repository: &mut ImageRepository<'_>,
    target: &str,
    deadline: Instant,
) -> Result<Option<RawManifest>, OciError> {
    let mut tries = Tries::until(deadline);
    loop {
        match read_once(repository, target).await {
            Ok(found) => return Ok(found),
            Err(failed) => tries.wait(failed).await?,
        }
    }
}

async fn read_once(
    repository: &mut ImageRepository<'_>,
    target: &str,
) -> Result<Option<RawManifest>, Failed> {
    let answer = repository.ask_for(&ReadRequest::manifest(Method::GET, target, COPIED)).await?;
    match answer.status() {
        StatusCode::NOT_FOUND => return Ok(None),
        status if status.is_success() => {}
        _ => return Err(Failed::of(repository, answer).await),
    }
    let told = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let bytes = Bytes::from(repository.read(answer, "a manifest", MANIFEST_READ).await?);
    let manifest = RawManifest::read(bytes, told.as_deref(), &format!("{}, {target},", repository.what()))?;
    match target.contains(':') {
        false => Ok(Some(manifest)),
        true => {
            let named = manifest.named(target);
            let odd = || repository.unexpected(format!("what it gives for {target} has another digest"));
            Ok(Some(named.ok_or_else(odd)?))
        }
    }
}
