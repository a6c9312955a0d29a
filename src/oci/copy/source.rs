//! The image that is copied: its manifests, read once and kept as bytes.

mod reading;

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::super::repository::{Access, ImageRepository};
use super::super::{Auth, ImageRef, OciError, Registry};
use super::manifest::{MEND, RawManifest};
use super::memory::{CopyMemory, REFERRERS};
use super::named::read;
use super::tree::ImageTree;
use crate::http::Network;

/// What to do about an index that names what the registry does not have, when it is copied.
const GAP: &str = "`platforms` copies those that are there";

/// An image in a registry, to be copied.
pub struct SourceImage<'a> {
    pub(super) image: &'a ImageRef,
    pub(super) repository: ImageRepository<'a>,
    pub(in crate::oci) top: Arc<RawManifest>,
    pub(super) memory: &'a CopyMemory,
    /// The bytes of memory for what refers to the image.
    pub(super) referrers: usize,
    pub(super) deadline: Instant,
    /// Everything below `top`, once it was read.
    pub(super) tree: OnceCell<ImageTree>,
    /// What to do about an index that names what the registry does not have.
    pub(super) gap: &'static str,
    /// The digest that the image's name meant when it was read.
    resolved: String,
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
        let memory = &self.memory;
        let held = memory.manifest().await?;
        let top = read(&mut repository, image.target(), deadline).await?;
        drop(held);
        let top = Arc::new(top.ok_or_else(|| repository.absent())?);
        let (resolved, tree) = (top.digest.clone(), OnceCell::new());
        Ok(SourceImage { image, repository, resolved, top, memory, referrers: 0, deadline, tree, gap: GAP })
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

    /// Says `gap` about an index that names what the registry does not have.
    #[must_use]
    pub fn advising(mut self, gap: &'static str) -> Self {
        self.gap = gap;
        self
    }

    /// Makes room for what refers to the image, which is copied too.
    #[must_use]
    pub fn with_referrers(mut self) -> Self {
        self.referrers = REFERRERS;
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

    pub(in crate::oci) fn refuse(&self, why: String) -> OciError {
        OciError::Unexpected { what: format!("image {}", self.image), why, mend: MEND }
    }
}
