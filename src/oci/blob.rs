//! Reading blobs, which registries may keep elsewhere.

use ::http::header::LOCATION;
use reqwest::{Method, Response};
use url::Url;

use super::OciError;
use super::artifact;
use super::repository::Repository;

/// Redirects of one blob that are followed: to a store, and on to where that has it.
const REDIRECTS: usize = 3;
/// Bytes that are read of a kept log, compressed: four times what is kept of a build.
const LOG_READ: usize = 16 << 20;

impl Repository<'_> {
    /// The bytes of the blob `digest`, which is a log.
    pub(super) async fn blob(&mut self, digest: &str) -> Result<Vec<u8>, OciError> {
        let response = self.ask_for_blob(digest).await?;
        if !response.status().is_success() {
            return Err(self.error(response).await);
        }
        let bytes = self.read(response, "a log", LOG_READ).await?;
        if artifact::digest(&bytes) != digest {
            return Err(self.unexpected(format!("blob {digest} has another digest")));
        }
        Ok(bytes)
    }

    /// The blob `digest`. A registry may redirect the reading of blobs to a store (distribution specification, "Pulling
    /// blobs"): nothing but the redirect itself is sent there, and what comes from there is held to its digest.
    async fn ask_for_blob(&mut self, digest: &str) -> Result<Response, OciError> {
        let url = self.url(&format!("blobs/{digest}"));
        let mut answer = self.ask_once_or_twice(self.request(Method::GET, url)).await?;
        for _ in 0..=REDIRECTS {
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let to = self.store(&answer)?;
            let asked = self.client.send(self.request(Method::GET, to)).await;
            answer = asked.map_err(|e| OciError::from_send(self.what(), e))?;
        }
        Err(self.unexpected(format!("blob {digest} is redirected again and again")))
    }

    /// Where a blob is redirected to; never from https to http.
    fn store(&self, answer: &Response) -> Result<Url, OciError> {
        let location = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let to = location.and_then(|to| answer.url().join(to).ok());
        let to = to.filter(|to| to.scheme() == "https" || answer.url().scheme() == "http");
        to.ok_or_else(|| OciError::redirected(self.what(), answer))
    }
}
