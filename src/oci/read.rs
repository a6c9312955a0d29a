//! Reads manifests and blobs. A registry may redirect to another server for them.

use ::http::header::{ACCEPT, LOCATION, RANGE};
use reqwest::{Method, RequestBuilder, Response};
use url::Url;

use super::OciError;
use super::artifact;
use super::repository::ImageRepository;
use crate::http::{Client, Network};

/// The number of redirects that one read follows: to a store, and on to another server of the store.
const REDIRECTS: usize = 3;
/// The most bytes that are read of a manifest or an index: the size that registries must accept (distribution
/// specification, "Pushing manifests").
pub(super) const MANIFEST_READ: usize = 4 << 20;
/// The most bytes that are read of a compressed log, which are four times what is kept of a build, or of an attestation.
pub(super) const LOG_READ: usize = 16 << 20;

/// A read of a manifest or a blob.
pub(super) struct ReadRequest {
    method: Method,
    path: String,
    accept: Option<&'static str>,
    /// The first byte that is wanted.
    from: u64,
    /// Which addresses a redirect may lead to. No login is sent there.
    network: Network,
}

impl ReadRequest {
    /// The manifest `target`, of one of the media types in `accept`. Some registries redirect to another registry
    /// (registry.k8s.io). A manifest that was asked for by tag cannot be checked, so a redirect must lead to a public
    /// server over https.
    pub(super) fn manifest(method: Method, target: &str, accept: &'static str) -> Self {
        Self {
            method,
            path: format!("manifests/{target}"),
            accept: Some(accept),
            from: 0,
            network: Network::Public,
        }
    }

    /// The blob `digest`. Registries redirect to object storage, which may be in the cluster. The digest of the
    /// content is checked.
    fn blob(digest: &str) -> Self {
        Self::blob_from(digest, 0, Network::Cluster)
    }

    /// The blob `digest` without its first `from` bytes. A server may send the whole blob nevertheless.
    pub(super) fn blob_from(digest: &str, from: u64, network: Network) -> Self {
        Self { method: Method::GET, path: format!("blobs/{digest}"), accept: None, from, network }
    }

    fn request(&self, client: &Client, url: Url) -> RequestBuilder {
        let mut request = client.request(self.method.clone(), url);
        if self.from > 0 {
            request = request.header(RANGE, format!("bytes={}-", self.from));
        }
        match self.accept {
            Some(kinds) => request.header(ACCEPT, kinds),
            None => request,
        }
    }

    /// The address that `answer` redirects to. A redirect from https to http is an error.
    fn redirect_target(&self, answer: &Response) -> Option<Url> {
        let to = answer.headers().get(LOCATION)?.to_str().ok()?;
        let to = answer.url().join(to).ok()?;
        let plain = self.network == Network::Cluster && answer.url().scheme() == "http";
        Some(to).filter(|to| to.scheme() == "https" || (plain && to.scheme() == "http"))
    }
}

impl ImageRepository<'_> {
    /// Sends `wanted`, and follows redirects. A login is sent to the registry only.
    pub(super) async fn ask_for(&mut self, wanted: &ReadRequest) -> Result<Response, OciError> {
        let own = Url::parse(&self.url(&wanted.path)).map_err(|e| self.unexpected(e.to_string()))?;
        let mut answer = self.ask_once_or_twice(wanted.request(self.client, own)).await?;
        for _ in 0..=REDIRECTS {
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let to = wanted.redirect_target(&answer);
            let to = to.ok_or_else(|| OciError::redirected(self.what(), &answer))?;
            let client = self.clients.reaching(wanted.network)?;
            let asked = client.send(wanted.request(client, to)).await;
            answer = asked.map_err(|e| OciError::from_send(self.what(), e))?;
        }
        Err(self.unexpected(format!("{} is redirected again and again", wanted.path)))
    }

    /// Reads the blob `digest` of at most `limit` bytes. `what` names it in errors.
    pub(super) async fn blob(
        &mut self,
        digest: &str,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, OciError> {
        let response = self.ask_for(&ReadRequest::blob(digest)).await?;
        if !response.status().is_success() {
            return Err(self.error(response).await);
        }
        let bytes = self.read(response, what, limit).await?;
        if artifact::digest(&bytes) != digest {
            return Err(self.unexpected(format!("blob {digest} has another digest")));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use reqwest::ResponseBuilderExt as _;

    use super::*;

    #[test]
    fn no_redirect_leads_from_https_to_http() {
        let manifest = ReadRequest::manifest(Method::GET, "1", "application/json");
        let rows = [
            // (from, to, a blob's, a manifest's)
            ("https://r.io/v2/a/x", "https://s.io/x", true, true),
            ("https://r.io/v2/a/x", "http://s.io/x", false, false),
            ("http://r.io/v2/a/x", "https://s.io/x", true, true),
            ("http://r.io/v2/a/x", "http://s.io/x", true, false),
            ("http://r.io/v2/a/x", "file:///etc/passwd", false, false),
            ("https://r.io/v2/a/x", "//s.io/x", true, true),
        ];
        for (from, to, blobs, manifests) in rows {
            let answer = ::http::Response::builder().status(307).header(LOCATION, to);
            let answer = Response::from(answer.url(from.parse().unwrap()).body("").unwrap());
            assert_eq!(
                ReadRequest::blob("sha256:1").redirect_target(&answer).is_some(),
                blobs,
                "{from} {to}"
            );
            assert_eq!(manifest.redirect_target(&answer).is_some(), manifests, "{from} {to}");
        }
    }
}
