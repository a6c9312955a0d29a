//! One repository of a registry, asked under one login.

mod challenge;

use std::sync::atomic::{AtomicBool, Ordering};

use ::http::HeaderValue;
use ::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use reqwest::{IntoUrl, Method, RequestBuilder, Response, StatusCode};
use url::Url;

use super::lists::Writer;
use super::reference::DOCKER_HUB;
use super::{Auth, CacheRights, ImageRef, LazyClient, Login, OciError};
use crate::http::{self, Client};
use crate::text;

/// Bytes that are read of a refusal.
const ERROR_READ: usize = 64 << 10;

/// What is done with a repository, as token servers call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A repository, and the answer to its challenge once there was one.
pub(super) struct Repository<'a> {
    pub(super) clients: &'a LazyClient,
    pub(super) client: &'a Client,
    image: &'a ImageRef,
    login: Option<&'a Login>,
    cache: Option<&'a CacheRights>,
    insecure: bool,
    /// Whether it is spoken to without TLS.
    plain: AtomicBool,
    access: Access,
    authorization: Option<HeaderValue>,
}

impl<'a> Repository<'a> {
    /// The repository of `image`. `insecure` takes any certificate, and plain http where no https is spoken; registries on the
    /// loopback interface are asked over plain http in any case.
    pub(super) fn new(
        clients: &'a LazyClient,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        access: Access,
    ) -> Result<Self, OciError> {
        let (login, cache) = (auth.login(image.registry()), auth.cache(image.registry()));
        let client = if insecure { clients.unverified()? } else { clients.get()? };
        let registry = image.registry();
        let plain = if insecure { clients.plain.has(registry) } else { is_loopback(registry) };
        let plain = AtomicBool::new(plain);
        Ok(Self { clients, client, image, login, cache, insecure, plain, access, authorization: None })
    }

    /// The same, asked over plain http alone.
    pub(super) fn plainly(self) -> Self {
        Self { plain: AtomicBool::new(true), ..self }
    }

    /// A request, for [`Self::ask`].
    pub(super) fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// What a list of referrers in this repository is written by: its name, and whose login.
    pub(super) fn writer(&self, tag: &str) -> Writer {
        Writer::new(&self.image.name(), tag, self.login)
    }

    /// Whether it is spoken to without TLS.
    fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
    }

    /// Whether the answers are Docker Hub's: its certificate says so.
    pub(super) fn is_docker_hub(&self) -> bool {
        self.image.registry() == DOCKER_HUB && !self.insecure && !self.is_plain()
    }

    /// The address of `path`, such as `manifests/latest`, in this repository.
    pub(super) fn url(&self, path: &str) -> String {
        let (image, registry) = (self.image, self.image.registry());
        let scheme = if self.is_plain() { "http" } else { "https" };
        // Docker Hub's API answers under a name of its own.
        let host = if registry == DOCKER_HUB { "registry-1.docker.io" } else { registry };
        format!("{scheme}://{host}/v2/{}/{path}", image.repository())
    }

    /// Sends `request`; once more with the login where the registry asks for it.
    pub(super) async fn ask(&mut self, request: RequestBuilder) -> Result<Response, OciError> {
        let answer = self.ask_once_or_twice(request).await?;
        match answer.status().is_redirection() {
            true => Err(OciError::redirected(self.what(), &answer)),
            false => Ok(answer),
        }
    }

    /// Asks as [`Self::ask`] does, and returns an answer that redirects elsewhere instead of an error.
    pub(super) async fn ask_once_or_twice(&mut self, request: RequestBuilder) -> Result<Response, OciError> {
        let again = request.try_clone();
        let response = self.send(request).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match again {
            Some(again) if self.authorize(response.headers()).await? => self.send(again).await,
            _ => Ok(response),
        }
    }

    /// The error that an answer is which is no success.
    pub(super) async fn error(&self, response: Response) -> OciError {
        let status = response.status().as_u16();
        let error = match (status, self.cache) {
            (401 | 403, Some(_)) => OciError::RefusedToken { what: self.what(), status },
            _ => OciError::from_status(self.what(), status, self.login),
        };
        match (error, reason(response).await) {
            (OciError::Unexpected { what, why, mend }, Some(reason)) => {
                OciError::Unexpected { what, why: format!("{why}: {reason}"), mend }
            }
            (error, _) => error,
        }
    }

    /// The error of a manifest that is not found.
    pub(super) fn absent(&self) -> OciError {
        OciError::absent(self.what(), self.login)
    }

    /// An answer that is not what the specification says.
    pub(super) fn unexpected(&self, why: impl Into<String>) -> OciError {
        OciError::unexpected(self.what(), why)
    }

    /// The body of an answer, which is `what` and of at most `limit` bytes.
    pub(super) async fn read(
        &self,
        answer: Response,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, OciError> {
        http::read(answer, what, limit).await.map_err(|e| OciError::from_body(self.what(), e))
    }

    pub(super) fn what(&self) -> String {
        format!("registry {}", self.image.name())
    }

    /// Sends `request` with the login that [`Self::ask`] was asked for, if it was.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, OciError> {
        let request = match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        };
        // What is sent again after a challenge was made before it was known that no https is spoken.
        let registry = self.image.registry();
        let plain = self.insecure.then(|| plain_http(request.try_clone()?, registry)).flatten();
        let (request, again) =
            if self.is_plain() { (plain.unwrap_or(request), None) } else { (request, plain) };
        let answer = match (self.client.send(request).await, again) {
            (Err(error), Some(again)) if error.is_no_connection() => {
                match self.client.send(again).await {
                    // It speaks https, and was away for a moment.
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

    /// Whether `url` is on the registry's own server. What is sent elsewhere is nobody's business there.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        Url::parse(&self.url("")).is_ok_and(|own| own.origin() == url.origin())
    }
}

/// The same request to `registry` without TLS. A URL does not hold its scheme's own port, which the registry's name may have.
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

/// Whether a server of https answers so to plain http: Go's and nginx say 400 and no word of a registry, others redirect to https.
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

/// The registry's own words, where it says them as the specification has it.
async fn reason(response: Response) -> Option<String> {
    let body = http::read(response, "an error", ERROR_READ).await.ok()?;
    let body: serde_json::Value = http::json(&body).ok()?;
    let error = &body["errors"][0];
    let (code, message) = (error["code"].as_str()?, error["message"].as_str().unwrap_or_default());
    Some(text::brief(&format!("{code} {message}"), text::SHOWN))
}

/// BuildKit's rule for speaking plain http without being told to (containerd `MatchLocalhost`).
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_repository_has_one_address() {
        let (client, auth) = (LazyClient::default(), Auth::default());
        let rows = [
            ("nginx", false, "https://registry-1.docker.io/v2/library/nginx/x"),
            ("r.io/a/b:1", false, "https://r.io/v2/a/b/x"),
            ("r.io:5000/a:1", true, "https://r.io:5000/v2/a/x"),
            ("127.0.0.1:5000/a:1", false, "http://127.0.0.1:5000/v2/a/x"),
            ("localhost/a:1", false, "http://localhost/v2/a/x"),
        ];
        for (image, insecure, url) in rows {
            let image = image.parse().unwrap();
            let repository = Repository::new(&client, &image, &auth, insecure, Access::Pull).unwrap();
            assert_eq!(repository.url("x"), url);
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

    #[test]
    fn docker_hub_is_known_by_its_certificate() {
        let (client, auth) = (LazyClient::default(), Auth::default());
        for (image, insecure, is) in [
            ("nginx", false, true),
            ("registry-1.docker.io/a/b", false, true),
            ("nginx", true, false),
            ("docker.io:5000/a/b", false, false),
            ("docker.io.example/a/b", false, false),
        ] {
            let image = image.parse().unwrap();
            let repository = Repository::new(&client, &image, &auth, insecure, Access::Pull).unwrap();
            assert_eq!(repository.is_docker_hub(), is, "{image} {insecure}");
        }
    }

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
    fn the_login_stays_with_its_server() {
        let (client, auth) = (LazyClient::default(), Auth::default());
        let image = "r.io/a:1".parse().unwrap();
        let repository = Repository::new(&client, &image, &auth, false, Access::Push).unwrap();
        for (url, ours) in [
            ("https://r.io/v2/a/blobs/uploads/1", true),
            ("https://r.io:443/x", true),
            ("http://r.io/v2/a/blobs/uploads/1", false),
            ("https://storage.example/x", false),
        ] {
            assert_eq!(repository.is_ours(&Url::parse(url).unwrap()), ours, "{url}");
        }
    }
}
