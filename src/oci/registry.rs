//! Asks a registry for a manifest.

use http::header::HeaderMap;
use reqwest::{Method, StatusCode};

use super::copy::CopyMemory;
use super::lists::ListLocks;
use super::read::ReadRequest;
use super::repository::{Access, ImageRepository};
use super::{Auth, ImageRef, LazyClient, OciError};

/// The media types of all manifests that have a digest.
pub(super) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// A client of registries, with one HTTP connection pool.
#[derive(Debug, Clone)]
pub struct Registry {
    pub(super) client: LazyClient,
    /// Its clients for blobs, which have longer limits.
    pub(super) copying: LazyClient,
    /// The lists of referrers that are being written.
    pub(super) list_locks: ListLocks,
    pub(super) memory: CopyMemory,
}

impl Registry {
    /// A client that shares its HTTP client with others.
    pub fn new(client: LazyClient) -> Self {
        let copying = client.for_blobs();
        Self { client, copying, list_locks: ListLocks::default(), memory: CopyMemory::default() }
    }

    /// The same for the steps of `tenant`, which may use its share of the memory for copies.
    #[must_use]
    pub fn of(&self, tenant: Option<&str>) -> Self {
        Self { memory: self.memory.of(tenant), ..self.clone() }
    }

    /// The HTTP client, for other requests to the same servers.
    pub fn client(&self) -> LazyClient {
        self.client.clone()
    }

    /// The digest of the manifest that `image` names; `None` if there is no such manifest. With `insecure`, any
    /// certificate and plain http are accepted. Registries on the loopback interface are always asked over plain
    /// http.
    pub async fn manifest_exists(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Option<String>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let head = ReadRequest::manifest(Method::HEAD, image.target(), MANIFESTS);
        let response = repository.ask_for(&head).await?;
        match response.status() {
            status if status.is_success() => {
                let digest = digest(response.headers()).or(image.digest());
                let missing = || repository.unexpected("there is no Docker-Content-Digest in it");
                digest.map(|digest| Some(digest.to_owned())).ok_or_else(missing)
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(repository.error(response).await),
        }
    }

    pub(super) fn repository<'a>(
        &'a self,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        access: Access,
    ) -> Result<ImageRepository<'a>, OciError> {
        ImageRepository::new(&self.client, image, auth, insecure, access)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new(LazyClient::default())
    }
}

/// The digest of the manifest, from the headers of the answer. It becomes an output, so its form is checked.
pub(super) fn digest(headers: &HeaderMap) -> Option<&str> {
    let told = headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
    told.filter(|told| is_digest(told))
}

/// Whether `text` is `sha256:` or `sha512:` and the right number of hexadecimal digits (image specification,
/// "Digests").
pub(super) fn is_digest(text: &str) -> bool {
    let hex =
        |digits: &str, long: usize| digits.len() == long && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match text.split_once(':') {
        Some(("sha256", digits)) => hex(digits, 64),
        Some(("sha512", digits)) => hex(digits, 128),
        _ => false,
    }
}
