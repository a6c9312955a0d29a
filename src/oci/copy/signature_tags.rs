//! Copies the tags of cosign: signatures, attestations and SBOMs of an image.

use std::sync::Arc;

use super::super::OciError;
use super::super::log::list_tag;
use super::copied_layers::CopiedLayers;
use super::manifest::RawManifest;
use super::named::read;
use super::progress::CopyProgress;
use super::source::SourceImage;
use super::target::CopyTarget;

/// The ends of cosign's tags for signatures, attestations and SBOMs (cosign `pkg/oci/remote/remote.go`).
const COSIGN: [&str; 3] = ["sig", "att", SBOM];
/// Is one for each image, so a newer one takes its place.
const SBOM: &str = "sbom";

impl<'a> CopyTarget<'a> {
    /// Copies cosign's tags for `subject`. Returns their number.
    pub(super) async fn copy_signature_tags(
        &mut self,
        source: &SourceImage<'a>,
        subject: &str,
        progress: &CopyProgress,
    ) -> Result<usize, OciError> {
        let mut count = 0;
        for end in COSIGN {
            let tag = format!("{}.{end}", list_tag(subject));
            let found = read(&mut source.repository.fork(), &tag, self.deadline).await?;
            let Some(found) = found.map(Arc::new) else { continue };
            count += 1;
            match end {
                SBOM => self.copy_tag(source, &tag, &found, progress).await?,
                _ => self.copy_layers(source, &tag, &found, progress).await?,
            }
        }
        Ok(count)
    }

    /// Copies `found` to `tag`, in the place of what is there.
    async fn copy_tag(
        &mut self,
        source: &SourceImage<'a>,
        tag: &str,
        found: &Arc<RawManifest>,
        progress: &CopyProgress,
    ) -> Result<(), OciError> {
        let has = self.digest_of(tag).await?;
        if has.as_deref() != Some(&found.digest) {
            self.copy_below_of(source, found, progress).await?;
            self.put(tag, found, has.as_deref()).await?;
        }
        Ok(())
    }

    /// Copies the layers of `found` to those under `tag`. The image may have signatures of others there.
    async fn copy_layers(
        &mut self,
        source: &SourceImage<'a>,
        tag: &str,
        found: &Arc<RawManifest>,
        progress: &CopyProgress,
    ) -> Result<(), OciError> {
        let copied = CopiedLayers::of(found, tag);
        if self.change(tag, &copied).await?.is_none() {
            return Ok(());
        }
        self.copy_below_of(source, found, progress).await?;
        // The source has memory for them, with that for its own manifests.
        self.add_layers(tag, &copied, None, &|| Some(())).await.map(drop)
    }
}
