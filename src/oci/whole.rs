//! Whether all that a manifest names is still there: a registry may have collected layers that it needs.

use futures_util::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::log::MANIFEST_READ;
use super::read::Wanted;
use super::registry::{MANIFESTS, is_digest};
use super::repository::{Access, Repository};
use super::{Auth, ImageRef, OciError, Registry};
use crate::http;

/// Manifests of one index that are read. A manifest of many platforms has one for each.
const PLATFORMS: usize = 32;
/// Blobs that are asked for: an image has 127 layers at most, a cache of all stages some hundred.
const BLOBS: usize = 1_000;
/// Blobs that are asked for at a time.
const AT_A_TIME: usize = 8;

/// A manifest, or an index of manifests; BuildKit's older caches are an index of layers (`cache/remotecache/export.go`).
#[derive(Deserialize)]
struct Manifest {
    config: Option<Named>,
    #[serde(default)]
    layers: Vec<Named>,
    #[serde(default)]
    manifests: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default, rename = "mediaType")]
    media_type: String,
    digest: String,
    /// Where else it is; the registry need not have it then.
    #[serde(default)]
    urls: Vec<String>,
}

impl Named {
    fn is_manifest(&self) -> bool {
        !self.media_type.is_empty() && MANIFESTS.split(", ").any(|kind| kind == self.media_type)
    }
}

impl Registry {
    /// The digest of a blob that `image` names and the registry does not have; none when it has all, or has no such image.
    /// `insecure` takes any certificate, and plain http; registries on the loopback interface are always asked over plain http.
    pub async fn lost_blob(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Option<String>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let Some(top) = repository.named(image.target()).await? else { return Ok(None) };
        let (platforms, mut blobs): (Vec<_>, Vec<_>) =
            top.manifests.into_iter().partition(Named::is_manifest);
        blobs.extend(top.config.into_iter().chain(top.layers));
        for platform in platforms.into_iter().filter(|named| is_digest(&named.digest)).take(PLATFORMS) {
            match repository.named(&platform.digest).await? {
                Some(manifest) => blobs.extend(manifest.config.into_iter().chain(manifest.layers)),
                None => return Ok(Some(platform.digest)),
            }
        }
        Ok(repository.lost(blobs).await)
    }
}

impl Repository<'_> {
    /// What the manifest `target` names, none if there is none.
    async fn named(&mut self, target: &str) -> Result<Option<Manifest>, OciError> {
        let answer = self.ask_for(&Wanted::manifest(Method::GET, target, MANIFESTS)).await?;
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

    /// The first of `blobs` that is found to be missing. Whatever else a registry answers is no proof of that: it may
    /// redirect to where the blob is.
    async fn lost(&self, blobs: Vec<Named>) -> Option<String> {
        let kept = blobs.into_iter().filter(|blob| blob.urls.is_empty() && is_digest(&blob.digest));
        let asked = kept.take(BLOBS).map(|blob| async move {
            let request = self.request(Method::HEAD, self.url(&format!("blobs/{}", blob.digest)));
            let answer = self.send(request).await;
            answer.is_ok_and(|answer| answer.status() == StatusCode::NOT_FOUND).then_some(blob.digest)
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
