//! A repository that an image is copied to: its manifests and tags.

use std::iter;

use reqwest::header::HeaderMap;
use tokio::time::Instant;

use super::super::lists::ListLocks;
use super::super::repository::{Access, ImageRepository};
use super::super::{Auth, ImageRef, OciError, Registry};
use super::blobs::BlobCopy;
use super::manifest::RawManifest;
use super::named::named;
use super::progress::CopyProgress;
use super::source::SourceImage;
use super::tree::ImageTree;
use super::write::ManifestWrite;

/// A repository that an image is copied to.
pub struct CopyTarget<'a> {
    image: &'a ImageRef,
    pub(in crate::oci) repository: ImageRepository<'a>,
    pub(in crate::oci) list_locks: &'a ListLocks,
    mount_from: Option<String>,
    pub(in crate::oci) deadline: Instant,
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
        self.place(image, auth, insecure, Access::Push, deadline)
    }

    /// The same with the right to read or to write.
    pub(in crate::oci) fn place<'a>(
        &'a self,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        access: Access,
        deadline: Instant,
    ) -> Result<CopyTarget<'a>, OciError> {
        let repository = ImageRepository::new(&self.copying, image, auth, insecure, access)?;
        Ok(CopyTarget { image, repository, list_locks: &self.list_locks, mount_from: None, deadline })
    }
}

impl<'a> CopyTarget<'a> {
    /// The same repository with the login so far, for another task.
    pub(in crate::oci) fn fork(&self) -> Self {
        Self { repository: self.repository.fork(), mount_from: self.mount_from.clone(), ..*self }
    }

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
        named(&mut self.repository, name, self.deadline).await
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
        if self.is_source(source) || self.has_all(source).await? {
            return Ok(false);
        }
        if self.image.name() == source.image.name() {
            if !is_tagged {
                self.put(digest, &source.top, None).await?;
            }
            return Ok(true);
        }
        let tree = source.tree().await?;
        self.copy_below(source, tree, progress).await?;
        if !is_tagged {
            self.put(digest, &source.top, None).await?;
        }
        Ok(true)
    }

    /// Whether the image is there with its platforms. A registry's cleanup may delete manifests without a tag, and keep their index.
    async fn has_all(&mut self, source: &SourceImage<'_>) -> Result<bool, OciError> {
        let all =
            iter::once(source.digest()).chain(source.top.children.iter().map(|child| child.digest.as_str()));
        for digest in all {
            if self.digest_of(digest).await?.as_deref() != Some(digest) {
                return Ok(false);
            }
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
        BlobCopy { source: from, target, mount_from, progress, deadline, memory: source.memory }
            .run(&tree.blobs)
            .await?;
        let (_, children) = tree.manifests.split_last().unzip();
        for manifest in children.into_iter().flatten() {
            if self.digest_of(&manifest.digest).await?.is_none() {
                self.put(&manifest.digest, manifest, None).await?;
            }
        }
        Ok(())
    }

    /// Moves `tag` to the image, after [`Self::fill`], if it still names `before`. `enter` gives the permit for one request, which is
    /// held while that request runs; with `None`, no request is made. Returns whether the tag moved.
    ///
    /// # Errors [`OciError::Moved`] if another writer moved the tag; the registry does not answer, or refuses.
    pub async fn tag<P>(
        &mut self,
        source: &SourceImage<'a>,
        tag: &str,
        before: Option<&str>,
        enter: impl Fn() -> Option<P>,
    ) -> Result<bool, OciError> {
        self.move_tag(tag, &source.top, before, enter).await
    }

    /// Moves `tag` to `manifest`, as [`Self::tag`] does.
    pub(in crate::oci) async fn move_tag<P>(
        &mut self,
        tag: &str,
        manifest: &RawManifest,
        before: Option<&str>,
        enter: impl Fn() -> Option<P>,
    ) -> Result<bool, OciError> {
        match self.put_within(tag, manifest, before, enter).await {
            Ok(_) => Ok(true),
            Err(OciError::Stopped { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the image is in this repository and has all its platforms.
    fn is_source(&self, source: &SourceImage<'_>) -> bool {
        self.image.name() == source.image.name() && source.digest() == source.resolved()
    }

    /// Uploads `manifest` under `name`, its digest or a tag that names `before`. Returns the headers of the answer.
    pub(in crate::oci) async fn put(
        &mut self,
        name: &str,
        manifest: &RawManifest,
        before: Option<&str>,
    ) -> Result<HeaderMap, OciError> {
        self.put_within(name, manifest, before, || Some(())).await
    }

    /// The same. `enter` gives the permit for one request, which is held while that request runs.
    ///
    /// # Errors [`OciError::Stopped`] if there is no permit.
    pub(in crate::oci) async fn put_within<P>(
        &mut self,
        name: &str,
        manifest: &RawManifest,
        before: Option<&str>,
        enter: impl Fn() -> Option<P>,
    ) -> Result<HeaderMap, OciError> {
        let what = self.repository.what();
        let mut write = ManifestWrite::new(&mut self.repository, self.deadline, name, manifest, before);
        while let Some(permit) = enter() {
            let written = write.once().await;
            drop(permit);
            if let Some(headers) = write.settled(written).await? {
                return Ok(headers);
            }
        }
        Err(OciError::Stopped { what, name: name.to_owned() })
    }
}
