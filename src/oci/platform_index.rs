//! The index of an image whose platforms were built one by one.
//!
//! BuildKit makes an index for each of them, with the image and its attestations. Their entries become those of one index, which is like
//! that of one build of all platforms. The entries stay as they are, because an attestation names its image by digest.

mod entries;

use std::iter;

use tokio::time::Instant;

use super::copy::manifest::RawManifest;
use super::copy::named::read;
use super::copy::{CopyTarget, Tries};
use super::repository::{Access, ImageRepository};
use super::{Auth, Descriptor, ImageRef, OciError, Registry};
use entries::Entries;

/// How often an index is asked for that was just pushed. Gitea finds it a moment later (contracts: gitea-events.md section 2).
const UNFOUND: usize = 5;

/// An index of platforms that were built one by one.
pub struct PlatformIndex {
    manifest: RawManifest,
}

impl PlatformIndex {
    /// Its digest.
    pub fn digest(&self) -> &str {
        &self.manifest.digest
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> Descriptor {
        let RawManifest { media_type, digest, bytes, .. } = &self.manifest;
        Descriptor { media_type: media_type.clone(), digest: digest.clone(), size: bytes.len() as u64 }
    }
}

impl Registry {
    /// Joins what was built for each platform: `children` has the platform (`os/arch[/variant]`) and the digest, which `image`'s repository
    /// has. The same children give the same index. With `insecure`, any certificate and plain http are accepted. Nothing is tried again
    /// after `deadline`.
    ///
    /// # Errors
    /// A child is not there, or is no image, or the registry does not answer.
    pub async fn join_platforms(
        &self,
        image: &ImageRef,
        children: &[(String, String)],
        auth: &Auth,
        insecure: bool,
        deadline: Instant,
    ) -> Result<PlatformIndex, OciError> {
        let mut repository = ImageRepository::new(&self.copying, image, auth, insecure, Access::Pull)?;
        let _held = self.memory.referrers().await?;
        let mut entries = Entries::default();
        for (platform, digest) in children {
            let child = found(&mut repository, digest, deadline).await?;
            entries.add(platform, &child).map_err(|why| {
                repository.unexpected(format!("{digest}, which was built for {platform}, {why}"))
            })?;
        }
        let (bytes, media_type) = entries.index().map_err(|why| repository.unexpected(why))?;
        let manifest = RawManifest::read(bytes.into(), Some(media_type), &repository.what())?;
        Ok(PlatformIndex { manifest })
    }
}

/// Reads the manifest `digest`, which was just pushed.
async fn found(
    repository: &mut ImageRepository<'_>,
    digest: &str,
    deadline: Instant,
) -> Result<RawManifest, OciError> {
    let mut tries = Tries::until(deadline);
    let what = repository.what();
    let unfound = || OciError::Unfound { what: what.clone(), name: digest.to_owned() };
    for is_last in iter::repeat_n(false, UNFOUND).chain([true]) {
        match read(repository, digest, deadline).await? {
            Some(manifest) => return Ok(manifest),
            None if is_last => break,
            None => tries.wait(unfound()).await?,
        }
    }
    Err(unfound())
}

impl CopyTarget<'_> {
    /// Moves `tag` to `index`, whose children this repository has, if it still names `before`. `enter` gives the permit for one request,
    /// which is held while that request runs; with `None`, no request is made. Returns whether the tag moved.
    ///
    /// # Errors
    /// [`OciError::Moved`] if another writer moved the tag; the registry does not answer, or refuses.
    pub async fn tag_index<P>(
        &mut self,
        index: &PlatformIndex,
        tag: &str,
        before: Option<&str>,
        enter: impl Fn() -> Option<P>,
    ) -> Result<bool, OciError> {
        self.move_tag(tag, &index.manifest, before, enter).await
    }
}
