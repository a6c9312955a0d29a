//! Checks whether a registry still has everything that a manifest names. Its garbage collection may have removed
//! layers that are still needed.

use futures_util::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::read::MANIFEST_READ;
use super::read::ReadRequest;
use super::registry::{MANIFESTS, is_digest};
use super::repository::{Access, ImageRepository};
use super::{Auth, ImageRef, OciError, Registry};
use crate::http;

/// The most manifests of an index that are read. An index has one for each platform.
const PLATFORMS: usize = 32;
/// The most blobs that are asked for: an image has at most 127 layers, a cache of all stages some hundred.
const BLOBS: usize = 1_000;
/// The number of blobs that are asked for at the same time.
const AT_A_TIME: usize = 8;

/// A manifest, or an index of manifests. BuildKit's older caches are an index of layers
/// (`cache/remotecache/export.go`).
#[derive(Deserialize)]
struct ManifestWire {
    config: Option<DescriptorWire>,
    #[serde(default)]
    layers: Vec<DescriptorWire>,
    #[serde(default)]
    manifests: Vec<DescriptorWire>,
}

#[derive(Deserialize)]
struct DescriptorWire {
    #[serde(default, rename = "mediaType")]
    media_type: String,
    digest: String,
    /// Other places that have the content. If there are any, the registry need not have it.
    #[serde(default)]
    urls: Vec<String>,
}

impl DescriptorWire {
    fn is_manifest(&self) -> bool {
        !self.media_type.is_empty() && MANIFESTS.split(", ").any(|kind| kind == self.media_type)
    }
}

/// The digests of blobs that the registry must have. The rest of a manifest, which may have 4 MiB of anything, is dropped.
fn blobs(descriptors: impl Iterator<Item = DescriptorWire>) -> Vec<String> {
    let kept = descriptors.filter(|blob| blob.urls.is_empty() && is_digest(&blob.digest));
    kept.map(|blob| blob.digest).take(BLOBS).collect()
}

impl Registry {
    /// The digest of a blob that `image` names and that the registry does not have; `None` if it has all blobs, or no
    /// such image. With `insecure`, any certificate and plain http are accepted. Registries on the loopback interface
    /// are always asked over plain http.
    pub async fn missing_blob(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Option<String>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let Some(top) = repository.read_manifest(image.target()).await? else { return Ok(None) };
        let (platforms, others): (Vec<_>, Vec<_>) =
            top.manifests.into_iter().partition(DescriptorWire::is_manifest);
        let mut blobs = blobs(others.into_iter().chain(top.config).chain(top.layers));
        let platforms = platforms.into_iter().filter(|entry| is_digest(&entry.digest)).take(PLATFORMS);
        for platform in platforms.map(|entry| entry.digest).collect::<Vec<_>>() {
            match repository.read_manifest(&platform).await? {
                Some(manifest) => {
                    blobs.extend(self::blobs(manifest.config.into_iter().chain(manifest.layers)))
                }
                None => return Ok(Some(platform)),
            }
        }
        Ok(repository.first_missing(blobs).await)
    }
}

impl ImageRepository<'_> {
    /// Reads the manifest `target`; `None` if there is none.
    async fn read_manifest(&mut self, target: &str) -> Result<Option<ManifestWire>, OciError> {
        let answer = self.ask_for(&ReadRequest::manifest(Method::GET, target, MANIFESTS)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                let bytes = self.read(answer, "a manifest", MANIFEST_READ).await?;
                let manifest = http::json(&bytes).map_err(|e| self.unexpected(e.to_string()))?;
                Ok(Some(manifest))
            }
            _ => Err(self.error(answer).await),
        }
    }

    /// The first of `blobs` for which the registry answers 404. Other answers do not prove that a blob is missing: a
    /// registry may redirect to the blob's location.
    async fn first_missing(&self, blobs: Vec<String>) -> Option<String> {
        let asked = blobs.into_iter().take(BLOBS).map(|digest| async move {
            let request = self.request(Method::HEAD, self.url(&format!("blobs/{digest}")));
            let answer = self.send(request).await;
            answer.is_ok_and(|answer| answer.status() == StatusCode::NOT_FOUND).then_some(digest)
        });
        let mut answers = futures_util::stream::iter(asked).buffer_unordered(AT_A_TIME);
        while let Some(answer) = answers.next().await {
            if answer.is_some() {
                return answer;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn little_is_kept_of_a_manifest() {
        let digest = |n: usize| format!("sha256:{n:064}");
        let odd = serde_json::json!({"digest": "x".repeat(1 << 20)});
        let elsewhere = serde_json::json!({"digest": digest(0), "urls": ["https://h/x"]});
        let good = (0..2 * BLOBS).map(|n| serde_json::json!({"digest": digest(n)}));
        let layers: Vec<_> = [odd, elsewhere].into_iter().chain(good).collect();
        let all = serde_json::json!({"layers": layers});
        let manifest: ManifestWire = serde_json::from_value(all).unwrap();
        let kept = blobs(manifest.layers.into_iter());
        assert_eq!((kept.len(), &kept[0], &kept[BLOBS - 1]), (BLOBS, &digest(0), &digest(BLOBS - 1)));
    }
}
