//! One repository of a registry, asked under one login.

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::token::{self, Scheme};
use super::{Auth, CacheRights, ImageRef, Login, OciError};

/// What is done with a repository, as token servers call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A repository, and the answer to its challenge once there was one.
pub(super) struct Repository<'a> {
    pub(super) client: &'a Client,
    image: &'a ImageRef,
    login: Option<&'a Login>,
    cache: Option<&'a CacheRights>,
    insecure: bool,
    access: Access,
    authorization: Option<HeaderValue>,
}

impl<'a> Repository<'a> {
    /// The repository of `image`. `insecure` asks over plain http, as registries on the loopback interface are
    /// always asked.
    pub(super) fn new(
        client: &'a Client,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        access: Access,
    ) -> Self {
        let (login, cache) = (auth.login(image.registry()), auth.cache(image.registry()));
        Self { client, image, login, cache, insecure, access, authorization: None }
    }

    /// The address of `path`, such as `manifests/latest`, in this repository.
    pub(super) fn url(&self, path: &str) -> String {
        let (image, registry) = (self.image, self.image.registry());
        let scheme = if self.insecure || is_loopback(registry) { "http" } else { "https" };
        // Docker Hub's API answers under a name of its own.
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
        format!("{scheme}://{host}/v2/{}/{path}", image.repository())
    }

    /// Sends `request`; once more with the login where the registry asks for it.
    pub(super) async fn ask(&mut self, request: RequestBuilder) -> Result<Response, OciError> {
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
            (401 | 403, Some(_)) => OciError::refused_token(self.what(), status),
            _ => OciError::from_status(self.what(), status, self.login),
        };
        match (error, reason(response).await) {
            (OciError::Unexpected { what, why }, Some(reason)) => {
                OciError::Unexpected { what, why: format!("{why}: {reason}") }
            }
            (error, _) => error,
        }
    }

    /// An answer that is not what the specification says.
    pub(super) fn unexpected(&self, why: impl Into<String>) -> OciError {
        OciError::Unexpected { what: self.what(), why: why.into() }
    }

    pub(super) fn lost(&self, error: &reqwest::Error) -> OciError {
        OciError::from_transport(self.what(), error)
    }

    fn what(&self) -> String {
        format!("registry {}", self.image.name())
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, OciError> {
        let mut request = request.build().map_err(|e| self.lost(&e))?;
        // An upload may be sent elsewhere, where the login has no business.
        if let Some(value) = self.authorization.as_ref().filter(|_| self.is_ours(request.url())) {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        self.client.execute(request).await.map_err(|e| self.lost(&e))
    }

    fn is_ours(&self, url: &Url) -> bool {
        Url::parse(&self.url("")).is_ok_and(|own| own.origin() == url.origin())
    }

    /// Answers the challenge in a 401's headers; false where there is nothing to answer it with.
    async fn authorize(&mut self, headers: &HeaderMap) -> Result<bool, OciError> {
        let challenge = headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let answer = match (challenge.and_then(token::parse_challenge), self.login) {
            // Whatever realm the registry names: nobody is asked.
            (Some(Scheme::Bearer(_)), _) if let Some(cache) = self.cache => {
                let token = cache.token(&[self.scope()])?;
                format!("Bearer {}", token.value.expose_secret()).into()
            }
            (Some(Scheme::Bearer(mut challenge)), login) => {
                challenge.scopes = vec![self.scope()];
                let token = token::fetch(self.client, &challenge, login).await?;
                format!("Bearer {}", token.value.expose_secret()).into()
            }
            (Some(Scheme::Basic), Some(Login::Password { user, password })) => basic(user, password),
            _ => return Ok(false),
        };
        let value = HeaderValue::from_str(answer.expose_secret());
        let mut value = value.map_err(|_| self.unexpected("its token is no header value"))?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(true)
    }

    fn scope(&self) -> String {
        let actions = if self.access == Access::Push { "pull,push" } else { "pull" };
        format!("repository:{}:{actions}", self.image.repository())
    }
}

/// The registry's own words, where it says them as the specification has it.
async fn reason(response: Response) -> Option<String> {
    let body: serde_json::Value = response.json().await.ok()?;
    let error = &body["errors"][0];
    let (code, message) = (error["code"].as_str()?, error["message"].as_str().unwrap_or_default());
    Some(format!("{code} {message}").escape_debug().take(200).collect())
}

fn basic(user: &str, password: &SecretString) -> SecretString {
    use base64::Engine as _;
    let pair = format!("{user}:{}", password.expose_secret());
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)).into()
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
        let client = token::client(None).unwrap();
        let auth = Auth::default();
        let rows = [
            ("nginx", false, "https://registry-1.docker.io/v2/library/nginx/x"),
            ("r.io/a/b:1", false, "https://r.io/v2/a/b/x"),
            ("r.io:5000/a:1", true, "http://r.io:5000/v2/a/x"),
            ("127.0.0.1:5000/a:1", false, "http://127.0.0.1:5000/v2/a/x"),
            ("localhost/a:1", false, "http://localhost/v2/a/x"),
        ];
        for (image, insecure, url) in rows {
            let image = image.parse().unwrap();
            let repository = Repository::new(&client, &image, &auth, insecure, Access::Pull);
            assert_eq!(repository.url("x"), url);
        }
    }

    #[test]
    fn the_login_stays_with_its_server() {
        let (client, auth) = (token::client(None).unwrap(), Auth::default());
        let image = "r.io/a:1".parse().unwrap();
        let repository = Repository::new(&client, &image, &auth, false, Access::Push);
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
