//! A repository that an image is copied to: its manifests and tags.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use super::super::lists::ListLocks;
use super::super::read::ReadRequest;
use super::super::registry::digest as told_digest;
use super::super::repository::{Access, ImageRepository};
use super::super::{Auth, ImageRef, OciError, Registry};
use super::blobs::BlobCopy;
use super::manifest::{COPIED, RawManifest};
use super::progress::CopyProgress;
use super::source::{ImageTree, SourceImage, read};
use super::tries::{Failed, Tries};

/// How often a manifest is sent again that names something which the registry does not find. Gitea finds it a moment later
/// (contracts: gitea-events.md section 2).
const UNFOUND: usize = 5;

/// What a registry says of a manifest without sending it.
enum Head {
    Is(String),
    Absent,
    /// It does not say: the manifest itself must be read.
    Untold,
}

/// A repository that an image is copied to.
pub struct CopyTarget<'a> {
    image: &'a ImageRef,
    pub(super) repository: ImageRepository<'a>,
    pub(super) list_locks: &'a ListLocks,
    mount_from: Option<String>,
    pub(super) deadline: Instant,
}

impl Registry {
    /// The repository of `image`, to copy images to. With `insecure`, any certificate and plain http are accepted.
    /// Nothing is tried again after `deadline`.
    ///
    /// # Errors Our own settings cannot be used.
    pub fn copy_target<'a>(
        &'a self,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        deadline: Instant,
    ) -> Result<CopyTarget<'a>, OciError> {
        let repository = ImageRepository::new(&self.copying, image, auth, insecure, Access::Push)?;
        Ok(CopyTarget { image, repository, list_locks: &self.list_locks, mount_from: None, deadline })
    }
}

impl<'a> CopyTarget<'a> {
    /// Lets the registry take blobs from `other`, if that is another repository of the same registry that has them.
    #[must_use]
    pub fn mounting_from(mut self, other: &ImageRef) -> Self {
        if other.registry() == self.image.registry() && other.repository() != self.image.repository() {
            self.repository.also_reads(other.repository());
            self.mount_from = Some(other.repository().to_owned());
        }
        self
    }

    /// The digest that `name`, a tag or a digest, names here; `None` if there is no such manifest.
    pub async fn digest_of(&mut self, name: &str) -> Result<Option<String>, OciError> {
        let mut tries = Tries::until(self.deadline);
        loop {
            match self.head(name).await {
                Ok(Head::Is(digest)) => return Ok(Some(digest)),
                Ok(Head::Absent) => return Ok(None),
                Ok(Head::Untold) => break,
                Err(failed) => tries.wait(failed).await?,
            }
        }
        let found = read(&mut self.repository, name, self.deadline).await?;
        Ok(found.map(|manifest| manifest.digest))
    }

    async fn head(&mut self, name: &str) -> Result<Head, Failed> {
        let answer = self.repository.ask_for(&ReadRequest::manifest(Method::HEAD, name, COPIED)).await?;
        match answer.status() {
            status if status.is_success() => {
                Ok(told_digest(answer.headers()).map_or(Head::Untold, |digest| Head::Is(digest.to_owned())))
            }
            StatusCode::NOT_FOUND => Ok(Head::Absent),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Ok(Head::Untold),
            _ => Err(Failed::of(&self.repository, answer).await),
        }
    }

    /// Copies everything that the image names, unless it is there. With `is_tagged`, the image's own manifest is left to
    /// [`Self::tag`]. Returns whether the image was missing.
    pub async fn fill(
        &mut self,
        source: &SourceImage<'a>,
        is_tagged: bool,
        progress: &CopyProgress,
    ) -> Result<bool, OciError> {
        let digest = source.digest();
        if self.is_source(source) || self.digest_of(digest).await?.as_deref() == Some(digest) {
            return Ok(false);
        }
        if self.image.name() == source.image.name() {
            if !is_tagged {
                self.put(digest, &source.top).await?;
            }
            return Ok(true);
        }
        let tree = source.tree().await?;
        self.copy_below(source, tree, progress).await?;
        if !is_tagged {
            self.put(digest, &source.top).await?;
        }
        Ok(true)
    }

    /// Copies everything of `tree` but its last manifest.
    pub(super) async fn copy_below(
        &mut self,
        source: &SourceImage<'a>,
        tree: &ImageTree,
        progress: &CopyProgress,
    ) -> Result<(), OciError> {
        let (from, target) = (&source.repository, &self.repository);
        let (mount_from, deadline) = (self.mount_from.as_deref(), self.deadline);
        BlobCopy { source: from, target, mount_from, progress, deadline }.run(&tree.blobs).await?;
        let (_, children) = tree.manifests.split_last().unzip();
        for manifest in children.into_iter().flatten() {
            if self.digest_of(&manifest.digest).await?.is_none() {
                self.put(&manifest.digest, manifest).await?;
            }
        }
        Ok(())
    }

    /// Moves `tag` to the image, after [`Self::fill`].
    pub async fn tag(&mut self, source: &SourceImage<'a>, tag: &str) -> Result<(), OciError> {
        self.put(tag, &source.top).await.map(drop)
    }

    /// Whether the image is in this repository and has all its platforms.
    fn is_source(&self, source: &SourceImage<'_>) -> bool {
        self.image.name() == source.image.name() && source.digest() == source.resolved()
    }

    /// Uploads `manifest` under `name`, a tag or its digest. Returns the headers of the answer.
    pub(super) async fn put(&mut self, name: &str, manifest: &RawManifest) -> Result<HeaderMap, OciError> {
        let (mut tries, mut unfound) = (Tries::until(self.deadline), 0);
        loop {
            let failed = match self.put_once(name, manifest).await {
                Ok(headers) => {
                    self.check(name, manifest, told_digest(&headers)).await?;
                    return Ok(headers);
                }
                Err(failed) => failed,
            };
            if failed.status == Some(404) && unfound < UNFOUND {
                unfound += 1;
                tries.wait_anyway(failed).await?;
                continue;
            }
            tries.wait(failed).await?;
            // Gitea answers 500 to one of two writers of the same manifest. The other has written it.
            if self.digest_of(name).await?.as_deref() == Some(&manifest.digest) {
                return Ok(HeaderMap::new());
            }
        }
    }

    async fn put_once(&mut self, name: &str, manifest: &RawManifest) -> Result<HeaderMap, Failed> {
        let url = self.repository.url(&format!("manifests/{name}"));
        let request = self.repository.request(Method::PUT, url);
        let request = request.header(reqwest::header::CONTENT_TYPE, &manifest.media_type);
        let answer = self.repository.ask(request.body(manifest.bytes.clone())).await?;
        match answer.status().is_success() {
            true => Ok(answer.headers().clone()),
            false => Err(Failed::of(&self.repository, answer).await),
        }
    }

    /// Compares the digest that the registry states, since Gitea takes a manifest under a wrong one.
    async fn check(
        &mut self,
        name: &str,
        manifest: &RawManifest,
        told: Option<&str>,
    ) -> Result<(), OciError> {
        let told = match told {
            Some(told) => Some(told.to_owned()),
            None => self.digest_of(name).await?,
        };
        match told {
            // A registry may state its own algorithm for a manifest whose name has another.
            Some(told) if told != manifest.digest && manifest.clone().named(&told).is_none() => {
                let why = format!("it stored {} as {told}", manifest.digest);
                Err(self.repository.unexpected(why))
            }
            _ => Ok(()),
        }
    }
}
