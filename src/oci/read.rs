//! Reading manifests and blobs, which registries may keep elsewhere.

use ::http::header::{ACCEPT, LOCATION};
use reqwest::{Method, RequestBuilder, Response};
use url::Url;

use super::OciError;
use super::artifact;
use super::repository::Repository;
use crate::http::{Client, Network};

/// Redirects of one read that are followed: to a store, and on to where that has it.
const REDIRECTS: usize = 3;
/// Bytes that are read of a kept log, compressed: four times what is kept of a build.
const LOG_READ: usize = 16 << 20;

/// What is read: where it is, and how.
pub(super) struct Wanted {
    method: Method,
    path: String,
    accept: Option<&'static str>,
    /// How far a redirect may lead. Nothing but the redirect itself is sent there.
    network: Network,
}

impl Wanted {
    /// The manifest `target`, of one of the kinds `accept`. Some registries are the front of another
    /// (registry.k8s.io); what comes by a tag from there is held to nothing, so it has to be a public server over https.
    pub(super) fn manifest(method: Method, target: &str, accept: &'static str) -> Self {
        Self { method, path: format!("manifests/{target}"), accept: Some(accept), network: Network::Public }
    }

    /// The blob `digest`. Registries redirect to object storage, which may be in the cluster too; what comes from there
    /// is held to the digest.
    fn blob(digest: &str) -> Self {
        Self { method: Method::GET, path: format!("blobs/{digest}"), accept: None, network: Network::Cluster }
    }

    fn request(&self, client: &Client, url: Url) -> RequestBuilder {
        let request = client.request(self.method.clone(), url);
        match self.accept {
            Some(kinds) => request.header(ACCEPT, kinds),
            None => request,
        }
    }

    /// The address that `answer` redirects to. A redirect from https to http is an error.
    fn elsewhere(&self, answer: &Response) -> Option<Url> {
        let to = answer.headers().get(LOCATION)?.to_str().ok()?;
        let to = answer.url().join(to).ok()?;
        let plain = self.network == Network::Cluster && answer.url().scheme() == "http";
        Some(to).filter(|to| to.scheme() == "https" || (plain && to.scheme() == "http"))
    }
}

impl Repository<'_> {
    /// Asks for `wanted`, where the registry says that it is. Only the registry itself is answered when it asks for a
    /// login.
    pub(super) async fn ask_for(&mut self, wanted: &Wanted) -> Result<Response, OciError> {
        let own = Url::parse(&self.url(&wanted.path)).map_err(|e| self.unexpected(e.to_string()))?;
        let mut answer = self.ask_once_or_twice(wanted.request(self.client, own)).await?;
        for _ in 0..=REDIRECTS {
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let to = wanted.elsewhere(&answer);
            let to = to.ok_or_else(|| OciError::redirected(self.what(), &answer))?;
            let client = self.clients.reaching(wanted.network)?;
            let asked = client.send(wanted.request(client, to)).await;
            answer = asked.map_err(|e| OciError::from_send(self.what(), e))?;
        }
        Err(self.unexpected(format!("{} is redirected again and again", wanted.path)))
    }

    /// The bytes of the blob `digest`, which is a log.
    pub(super) async fn blob(&mut self, digest: &str) -> Result<Vec<u8>, OciError> {
        let response = self.ask_for(&Wanted::blob(digest)).await?;
        if !response.status().is_success() {
            return Err(self.error(response).await);
        }
        let bytes = self.read(response, "a log", LOG_READ).await?;
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
        let manifest = Wanted::manifest(Method::GET, "1", "application/json");
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
            assert_eq!(Wanted::blob("sha256:1").elsewhere(&answer).is_some(), blobs, "{from} {to}");
            assert_eq!(manifest.elsewhere(&answer).is_some(), manifests, "{from} {to}");
        }
    }
}
