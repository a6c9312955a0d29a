//! Uploads blobs and manifests to a repository.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use url::Url;

use super::OciError;
use super::artifact::digest;
use super::repository::ImageRepository;
use crate::time_limits::calls;

impl ImageRepository<'_> {
    /// Uploads `blob`: a POST opens the upload, a PUT sends the content (distribution specification, "POST then
    /// PUT").
    pub(super) async fn put_blob(&mut self, blob: Bytes) -> Result<(), OciError> {
        let opened = self.ask(self.opening("")).await?;
        if opened.status() != StatusCode::ACCEPTED {
            return Err(self.error(opened).await);
        }
        let mut place = self.location(&opened)?;
        place.query_pairs_mut().append_pair("digest", &digest(&blob));
        let put = self.request(Method::PUT, place).header(CONTENT_TYPE, "application/octet-stream");
        let put = put.header(CONTENT_LENGTH, blob.len()).body(blob);
        self.succeeded(put).await.map(drop)
    }

    /// A request that opens an upload. Its length must be stated (distribution specification, "POST then PUT"), and without a
    /// body it would not be.
    pub(super) fn opening(&self, query: &str) -> RequestBuilder {
        let uploads = self.url(&format!("blobs/uploads/{query}"));
        self.request(Method::POST, uploads).header(CONTENT_LENGTH, 0)
    }

    /// Cancels the upload at `place`. An error is only logged, because a registry removes abandoned uploads by itself.
    pub(super) async fn cancel_upload(&mut self, place: Url) {
        let request = self.request(Method::DELETE, place).timeout(calls::REGISTRY_CANCEL.whole());
        if let Err(error) = self.ask(request).await {
            tracing::debug!(%error, "an upload that was begun is kept");
        }
    }

    /// Uploads the blob with [`Self::put_blob`], unless the repository has it already.
    pub(super) async fn put_blob_once(&mut self, blob: Bytes) -> Result<(), OciError> {
        let head = self.request(Method::HEAD, self.url(&format!("blobs/{}", digest(&blob))));
        let told = self.ask_once_or_twice(head).await?.status();
        // A registry that keeps blobs in object storage redirects when it has the blob.
        if told.is_success() || told.is_redirection() {
            return Ok(());
        }
        self.put_blob(blob).await
    }

    /// Uploads `manifest` under a tag or its digest.
    pub(super) async fn put_manifest(
        &mut self,
        target: &str,
        media_type: &str,
        manifest: Bytes,
    ) -> Result<Response, OciError> {
        let url = self.url(&format!("manifests/{target}"));
        self.succeeded(self.request(Method::PUT, url).header(CONTENT_TYPE, media_type).body(manifest)).await
    }

    async fn succeeded(&mut self, request: RequestBuilder) -> Result<Response, OciError> {
        let response = self.ask(request).await?;
        if response.status().is_success() { Ok(response) } else { Err(self.error(response).await) }
    }

    /// The URL for the rest of the upload, which may be relative to the URL that opened it. It must be on the same
    /// server. Otherwise a registry could make us write to any server that we can reach.
    pub(super) fn location(&self, opened: &Response) -> Result<Url, OciError> {
        let location = opened.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let place = location.and_then(|location| opened.url().join(location).ok());
        let place = place.ok_or_else(|| self.unexpected("the upload has no Location"))?;
        match self.is_ours(&place) {
            true => Ok(place),
            false => Err(OciError::redirected(self.what(), opened)),
        }
    }
}
