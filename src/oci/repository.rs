//! One repository of a registry, and the requests to it with one login.

mod challenge;
mod fork;
mod send;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ::http::HeaderValue;
use reqwest::{IntoUrl, Method, RequestBuilder, Response, StatusCode};
use url::Url;

use super::lists::ListKey;
use super::plain_http::is_loopback;
use super::reference::DOCKER_HUB;
use super::refusal::{Asked, Refusal};
use super::{Auth, CacheRights, ImageRef, LazyClient, Login, OciError};
use crate::http::{self, Client, Network};
use crate::text;

/// The most bytes that are read of an error's body.
const ERROR_READ: usize = 64 << 10;

/// The access to a repository, in the words of token servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Pull,
    Push,
    /// Reads, and deletes manifests and tags.
    Delete,
}

/// A repository, and the answer to its challenge, once there was one.
pub(super) struct ImageRepository<'a> {
    pub(super) clients: &'a LazyClient,
    pub(super) client: &'a Client,
    image: &'a ImageRef,
    login: Option<&'a Login>,
    cache: Option<&'a CacheRights>,
    insecure: bool,
    /// Whether requests use plain http.
    plain: AtomicBool,
    access: Access,
    /// A scope that tokens have besides the repository's own.
    also: Option<String>,
    /// Which addresses a redirect of a copied blob may lead to.
    pub(super) blobs: Network,
    /// The answer to the registry's challenge, which all tasks that use this repository share.
    authorization: Arc<Mutex<Option<HeaderValue>>>,
}

impl<'a> ImageRepository<'a> {
    /// The repository of `image`. With `insecure`, any certificate is accepted, and plain http is used if the
    /// registry does not speak https. Registries on the loopback interface are always asked over plain http.
    pub(super) fn new(
        clients: &'a LazyClient,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        access: Access,
    ) -> Result<Self, OciError> {
        let registry = image.registry();
        if insecure {
            let plain = clients.plain.has(registry);
            return Ok(Self {
                insecure,
                ..Self::over(clients, clients.unverified()?, plain, image, auth, access)
            });
        }
        if is_loopback(registry) {
            return Self::over_plain_http(clients, image, auth, access);
        }
        Ok(Self::over(clients, clients.get()?, false, image, auth, access))
    }

    /// The repository of `image`, asked over plain http alone.
    pub(super) fn over_plain_http(
        clients: &'a LazyClient,
        image: &'a ImageRef,
        auth: &'a Auth,
        access: Access,
    ) -> Result<Self, OciError> {
        Ok(Self::over(clients, clients.without_tls()?, true, image, auth, access))
    }

    fn over(
        clients: &'a LazyClient,
        client: &'a Client,
        plain: bool,
        image: &'a ImageRef,
        auth: &'a Auth,
        access: Access,
    ) -> Self {
        let (login, cache) = (auth.login(image.registry()), auth.cache(image.registry()));
        let plain = AtomicBool::new(plain);
        let (insecure, also, blobs, authorization) = (false, None, Network::Cluster, Arc::default());
        Self { clients, client, image, login, cache, insecure, plain, access, also, blobs, authorization }
    }

    /// A request, for [`Self::ask`].
    pub(super) fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// The key of the lock for the list of referrers under `tag`.
    pub(super) fn list_key(&self, tag: &str) -> ListKey {
        ListKey::new(&self.image.name(), tag, self.login)
    }

    /// Whether requests use plain http.
    fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
    }

    /// Whether the answers come from Docker Hub. Its certificate proves that.
    pub(super) fn is_docker_hub(&self) -> bool {
        self.image.registry() == DOCKER_HUB && !self.insecure && !self.is_plain()
    }

    /// The address of `path`, such as `manifests/latest`, in this repository.
    pub(super) fn url(&self, path: &str) -> String {
        let (image, registry) = (self.image, self.image.registry());
        let scheme = if self.is_plain() { "http" } else { "https" };
        // The API of Docker Hub has another host name.
        let host = if registry == DOCKER_HUB { "registry-1.docker.io" } else { registry };
        format!("{scheme}://{host}/v2/{}/{path}", image.repository())
    }

    /// Sends `request`. If the registry asks for a login, sends it again with the login.
    pub(super) async fn ask(&mut self, request: RequestBuilder) -> Result<Response, OciError> {
        let answer = self.ask_once_or_twice(request).await?;
        match answer.status().is_redirection() {
            true => Err(OciError::redirected(self.what(), &answer)),
            false => Ok(answer),
        }
    }

    /// Sends `request` as [`Self::ask`] does. A redirect is returned as the answer and is no error.
    pub(super) async fn ask_once_or_twice(&mut self, request: RequestBuilder) -> Result<Response, OciError> {
        let (again, mut sent, mut is_renewed) = (request.try_clone(), self.authorization(), false);
        let mut response = self.send(request).await?;
        // Another task may have renewed the token meanwhile, and that may have expired too.
        for _ in 0..2 {
            let again = again.as_ref().and_then(RequestBuilder::try_clone);
            let Some(again) = again.filter(|_| response.status() == StatusCode::UNAUTHORIZED) else { break };
            if self.authorization() == sent {
                if is_renewed || !self.authorize(response.headers()).await? {
                    break;
                }
                is_renewed = true;
            }
            sent = self.authorization();
            response = self.send(again).await?;
        }
        Ok(response)
    }

    fn authorization(&self) -> Option<HeaderValue> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_authorization(&self, value: Option<HeaderValue>) {
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    /// The error for an answer without success.
    pub(super) async fn error(&self, response: Response) -> OciError {
        let (status, what) = (response.status().as_u16(), self.what());
        // No login of ours was sent there.
        if !self.is_ours(response.url()) {
            return OciError::Store { what, store: http::origin(response.url()), status };
        }
        if let (401 | 403, Some(_)) = (status, self.cache) {
            return OciError::RefusedToken { what, status };
        }
        let path = response.url().path();
        let asked = match self.access {
            Access::Pull => Asked::Read,
            Access::Push if path.contains("/manifests/") => Asked::Manifest,
            Access::Push if path.contains("/uploads/") => Asked::Blob,
            Access::Push => Asked::Read,
            // Before it deletes, this client reads lists of referrers.
            Access::Delete if path.contains("/manifests/") => Asked::Deletion,
            Access::Delete => Asked::Read,
        };
        Refusal { what, asked, status, reason: reason(response).await, login: self.login }.error()
    }

    /// The error for a manifest that was not found.
    pub(super) fn absent(&self) -> OciError {
        OciError::absent(self.what(), self.login)
    }

    /// The error for an answer that violates the specification.
    pub(super) fn unexpected(&self, why: impl Into<String>) -> OciError {
        OciError::unexpected(self.what(), why)
    }

    /// Reads the body of an answer, of at most `limit` bytes. `what` names the body in errors.
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

    /// Whether `url` is on the registry's own server. The login and uploads are sent to no other server.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        Url::parse(&self.url("")).is_ok_and(|own| own.origin() == url.origin())
    }
}

/// The registry's own error text, if it has the form of the specification.
async fn reason(response: Response) -> Option<String> {
    let body = http::read(response, "an error", ERROR_READ).await.ok()?;
    let body: serde_json::Value = http::json(&body).ok()?;
    let error = &body["errors"][0];
    let (code, message) = (error["code"].as_str()?, error["message"].as_str().unwrap_or_default());
    Some(text::brief(&format!("{code} {message}"), text::SHOWN))
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
            let repository = ImageRepository::new(&client, &image, &auth, insecure, Access::Pull).unwrap();
            assert_eq!(repository.url("x"), url);
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
            let repository = ImageRepository::new(&client, &image, &auth, insecure, Access::Pull).unwrap();
            assert_eq!(repository.is_docker_hub(), is, "{image} {insecure}");
        }
    }

    #[test]
    fn the_login_stays_with_its_server() {
        let (client, auth) = (LazyClient::default(), Auth::default());
        let image = "r.io/a:1".parse().unwrap();
        let repository = ImageRepository::new(&client, &image, &auth, false, Access::Push).unwrap();
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
