//! Asking a registry for a manifest.

use http::header::{ACCEPT, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};

use super::token::{self, Scheme};
use super::{Auth, ImageRef, LazyClient, Login, OciError};

/// Every kind of manifest that has a digest of its own.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// A client of registries: one HTTP connection pool, no state of its own.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    client: LazyClient,
}

impl Registry {
    /// A client with the HTTP client that it shares with others.
    pub fn new(client: LazyClient) -> Self {
        Self { client }
    }

    /// The HTTP client, for what else asks the same servers.
    pub fn client(&self) -> LazyClient {
        self.client.clone()
    }

    /// The digest of the manifest that `image` names, none when there is no such manifest.
    /// `insecure` asks over plain http, as registries on the loopback interface are always asked.
    pub async fn manifest_exists(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Option<String>, OciError> {
        let login = auth.login(image.registry());
        let mut response = self.head(image, insecure, None).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(authorization) = self.authorize(image, response.headers(), login).await?
        {
            response = self.head(image, insecure, Some(authorization)).await?;
        }
        match response.status() {
            status if status.is_success() => digest(image, response.headers()).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            status => {
                Err(OciError::from_status(format!("registry {}", image.name()), status.as_u16(), login))
            }
        }
    }

    async fn head(
        &self,
        image: &ImageRef,
        insecure: bool,
        authorization: Option<SecretString>,
    ) -> Result<Response, OciError> {
        let mut request = self.client.get()?.head(manifest_url(image, insecure)).header(ACCEPT, MANIFESTS);
        if let Some(value) = authorization {
            let mut header =
                http::HeaderValue::from_str(value.expose_secret()).map_err(|_| OciError::Unexpected {
                    what: format!("registry {}", image.registry()),
                    why: "its token is no header value".to_owned(),
                })?;
            header.set_sensitive(true);
            request = request.header(http::header::AUTHORIZATION, header);
        }
        let what = || format!("registry {}", image.registry());
        request.send().await.map_err(|e| OciError::from_transport(what(), &e))
    }

    /// The `Authorization` value that answers a 401's challenge.
    async fn authorize(
        &self,
        image: &ImageRef,
        headers: &HeaderMap,
        login: Option<&Login>,
    ) -> Result<Option<SecretString>, OciError> {
        let challenge = headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        match (challenge.and_then(token::parse_challenge), login) {
            (Some(Scheme::Bearer(mut challenge)), _) => {
                challenge.scopes = vec![format!("repository:{}:pull", image.repository())];
                let token = token::fetch(self.client.get()?, &challenge, login).await?;
                Ok(Some(format!("Bearer {}", token.value.expose_secret()).into()))
            }
            (Some(Scheme::Basic), Some(Login::Password { user, password })) => {
                Ok(Some(basic(user, password)))
            }
            _ => Ok(None),
        }
    }
}

fn basic(user: &str, password: &SecretString) -> SecretString {
    use base64::Engine as _;
    let pair = format!("{user}:{}", password.expose_secret());
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)).into()
}

/// Docker Hub's API answers under a name of its own.
fn manifest_url(image: &ImageRef, insecure: bool) -> String {
    let scheme = if insecure || is_loopback(image.registry()) { "http" } else { "https" };
    let host = if image.registry() == "docker.io" { "registry-1.docker.io" } else { image.registry() };
    format!("{scheme}://{host}/v2/{}/manifests/{}", image.repository(), image.target())
}

fn digest(image: &ImageRef, headers: &HeaderMap) -> Result<String, OciError> {
    let header = headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
    let unexpected = || OciError::Unexpected {
        what: format!("registry {}", image.registry()),
        why: "there is no Docker-Content-Digest in it".to_owned(),
    };
    header.or(image.digest()).map(str::to_owned).ok_or_else(unexpected)
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
    fn a_manifest_has_one_url() {
        let rows = [
            ("nginx", false, "https://registry-1.docker.io/v2/library/nginx/manifests/latest"),
            ("r.io/a/b:1", false, "https://r.io/v2/a/b/manifests/1"),
            ("r.io:5000/a:1", true, "http://r.io:5000/v2/a/manifests/1"),
            ("127.0.0.1:5000/a:1", false, "http://127.0.0.1:5000/v2/a/manifests/1"),
            ("localhost/a:1", false, "http://localhost/v2/a/manifests/1"),
        ];
        for (image, insecure, url) in rows {
            assert_eq!(manifest_url(&image.parse().unwrap(), insecure), url);
        }
    }
}
