//! Sends the requests of a repository, over plain http where an insecure registry speaks no https.

use std::sync::atomic::Ordering;

use ::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use reqwest::{RequestBuilder, Response, StatusCode};
use url::Url;

use super::super::OciError;
use super::ImageRepository;

impl ImageRepository<'_> {
    /// Sends `request` with the login, after [`Self::ask`] was asked for one.
    pub(in crate::oci) async fn send(&self, request: RequestBuilder) -> Result<Response, OciError> {
        let request = match self.authorization() {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        };
        // This request may have been built before we knew that the registry speaks plain http.
        let registry = self.image.registry();
        let plain = self.insecure.then(|| plain_http(request.try_clone()?, registry)).flatten();
        let (request, again) =
            if self.is_plain() { (plain.unwrap_or(request), None) } else { (request, plain) };
        let answer = match (self.client.send(request).await, again) {
            (Err(error), Some(again)) if error.is_no_connection() => {
                match self.client.send(again).await {
                    // The registry speaks https, and the first error was temporary.
                    Ok(answer) if wants_https(&answer) => Err(error),
                    Ok(answer) => {
                        self.plain.store(true, Ordering::Relaxed);
                        self.clients.plain.remember(self.image.registry());
                        Ok(answer)
                    }
                    unanswered => unanswered,
                }
            }
            (answer, _) => answer,
        };
        answer.map_err(|e| OciError::from_send(self.what(), e))
    }
}

/// The same request to `registry` over plain http. A URL leaves out the port of its scheme, which the registry's name may contain.
fn plain_http(request: RequestBuilder, registry: &str) -> Option<RequestBuilder> {
    let (client, request) = request.build_split();
    let mut request = request.ok()?;
    let has_port = request.url().port().is_some() || !registry.ends_with(":443");
    request.url_mut().set_scheme("http").ok()?;
    if !has_port {
        request.url_mut().set_port(Some(443)).ok()?;
    }
    Some(RequestBuilder::from_parts(client, request))
}

/// Whether an https server gave this answer to plain http. Go's servers and nginx answer 400 without the JSON of a
/// registry. Other servers redirect to https.
fn wants_https(answer: &Response) -> bool {
    let said = answer
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let to = answer.headers().get(LOCATION).and_then(|to| Url::parse(to.to_str().ok()?).ok());
    let is_own = |to: Url| to.scheme() == "https" && to.host() == answer.url().host();
    let status = answer.status();
    (status == StatusCode::BAD_REQUEST && !said) || (status.is_redirection() && to.is_some_and(is_own))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use reqwest::Method;

    use super::*;
    use crate::oci::LazyClient;

    #[test]
    fn a_server_that_wants_https_speaks_no_plain_http() {
        use reqwest::ResponseBuilderExt as _;
        for (status, to, wants) in [
            (400, "", true),
            (301, "https://r.io/v2/", true),
            (307, "https://s.io/blob", false),
            (307, "/v2/", false),
            (401, "", false),
            (200, "", false),
        ] {
            let answer = ::http::Response::builder().status(status).header(LOCATION, to);
            let answer = answer.url("http://r.io/v2/".parse().unwrap()).body("").unwrap();
            assert_eq!(wants_https(&Response::from(answer)), wants, "{status} {to}");
        }
    }

    #[test]
    fn plain_http_goes_to_the_same_port() {
        let client = LazyClient::default();
        for (url, registry, plain) in [
            ("https://r.io/v2/", "r.io", "http://r.io/v2/"),
            ("https://r.io:443/v2/", "r.io:443", "http://r.io:443/v2/"),
            ("https://r.io:5000/v2/", "r.io:5000", "http://r.io:5000/v2/"),
            ("http://r.io/v2/", "r.io", "http://r.io/v2/"),
        ] {
            let request = client.get().unwrap().request(Method::GET, url);
            let plainly = plain_http(request, registry).unwrap().build().unwrap();
            assert_eq!(plainly.url().as_str(), plain);
        }
    }
}
