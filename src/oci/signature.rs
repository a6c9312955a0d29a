//! The signatures of an image in its repository, in the two places where cosign keeps them: a tag that is made from the
//! image's digest (the classic form), and artifacts that refer to the image (bundles).
//!
//! Anybody who may push to the repository may write there, so what is read has limits and proves nothing by itself.

mod add;
mod bundles;
mod checks;
mod classic;
mod sign;
mod verify;

use std::sync::Arc;

use tokio::time::Instant;

use super::copy::manifest::RawManifest;
use super::copy::{CopyMemory, Tries};
use super::registry::is_digest;
use super::repository::Access;
use super::{Auth, CopyTarget, Descriptor, ImageRef, OciError, Registry, SourceImage};
use checks::Checks;
pub use verify::{SignatureForm, Verification};

/// The most bytes of a payload or a bundle. What has more is no signature of an image.
const CONTENT: usize = 128 << 10;
/// The most manifests of an image that are signed.
const SUBJECTS: usize = 100;

/// The signatures in a repository.
pub struct SignatureStore<'a> {
    target: CopyTarget<'a>,
    /// What is read of a repository takes memory from the tenant's share.
    memory: &'a CopyMemory,
    /// The repository's name, as payloads have it.
    name: String,
}

impl Registry {
    /// The signatures in the repository of `image`, to read, and with `writes` also to write. With `insecure`, any
    /// certificate and plain http are accepted. Nothing is tried again after `deadline`.
    ///
    /// # Errors Our own settings cannot be used.
    pub fn signatures<'a>(
        &'a self,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        writes: bool,
        deadline: Instant,
    ) -> Result<SignatureStore<'a>, OciError> {
        let access = if writes { Access::Push } else { Access::Pull };
        let target = self.place(image, auth, insecure, access, deadline)?;
        Ok(SignatureStore { target, memory: &self.memory, name: image.name() })
    }
}

impl SignatureStore<'_> {
    /// The same with the login so far, for another task.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { target: self.target.fork(), memory: self.memory, name: self.name.clone() }
    }

    /// Reads the blob `name` of `size` bytes. `None` if it is missing or too large for a signature. What is no digest is not
    /// asked for: it would be another address of the registry, and our login goes there.
    async fn content(&mut self, name: &str, size: u64) -> Result<Option<Vec<u8>>, OciError> {
        if size > CONTENT as u64 || !is_digest(name) {
            return Ok(None);
        }
        let mut tries = Tries::until(self.target.deadline);
        loop {
            match self.target.repository.blob(name, "a signature", CONTENT).await {
                Ok(content) => return Ok(Some(content)),
                // A list may name what is gone, or what is no blob. A registry may keep its blobs elsewhere.
                Err(
                    OciError::Unexpected { .. }
                    | OciError::Absent { .. }
                    | OciError::Store { status: 404 | 410, .. },
                ) => return Ok(None),
                Err(error) => tries.wait(error).await?,
            }
        }
    }
}

impl SourceImage<'_> {
    /// What is signed of the image: with `children`, everything that its indexes name, and last the image itself.
    ///
    /// # Errors There is too much of it, or a part cannot be read.
    pub async fn subjects(&self, children: bool) -> Result<Vec<Descriptor>, OciError> {
        let described = |manifest: &Arc<RawManifest>| Descriptor {
            media_type: manifest.media_type.clone(),
            digest: manifest.digest.clone(),
            size: manifest.bytes.len() as u64,
        };
        if !children || self.top.children.is_empty() {
            return Ok(vec![described(&self.top)]);
        }
        let manifests = &self.tree().await?.manifests;
        match manifests.len() {
            count if count > SUBJECTS => Err(self.refuse(format!(
                "it has {count} manifests, and at most {SUBJECTS} are signed; `children: false` signs the image's own alone"
            ))),
            _ => Ok(manifests.iter().map(described).collect()),
        }
    }
}
