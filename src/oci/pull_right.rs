//! Asks a registry whether a caller may read an image.

use reqwest::{Method, Response, StatusCode};

use super::artifact::hashes_to;
use super::read::MANIFEST_READ;
use super::read::ReadRequest;
use super::registry::{MANIFESTS, digest as told};
use super::repository::{Access, ImageRepository};
use super::{Auth, ImageRef, OciError, Registry};

impl Registry {
    /// Reads the manifest `digest` of `image`'s repository with `auth`, as proof that the caller may read it. With
    /// `insecure`, any certificate and plain http are accepted. Registries on the loopback interface are always asked
    /// over plain http.
    ///
    /// A `HEAD` is not enough. If any server says yes for the image, the daemon uses the content that it has under
    /// this digest, whatever registry it came from (containerd `core/remotes/handlers.go`, `FetchHandler`: existing
    /// content is not fetched). So the server must send the manifest itself. For Docker Hub, a `HEAD` is enough,
    /// because Docker Hub counts each `GET` as a pull.
    ///
    /// # Errors The registry does not have it for this caller, does not answer, or answers with something else.
    pub async fn may_pull(
        &self,
        image: &ImageRef,
        digest: &str,
        auth: &Auth,
        insecure: bool,
    ) -> Result<(), OciError> {
        may_pull(self.repository(image, auth, insecure, Access::Pull)?, digest).await
    }

    /// The same, over plain http only.
    ///
    /// # Errors The same as [`Self::may_pull`].
    pub(super) async fn may_pull_over_plain_http(
        &self,
        image: &ImageRef,
        digest: &str,
        auth: &Auth,
    ) -> Result<(), OciError> {
        may_pull(ImageRepository::over_plain_http(&self.client, image, auth, Access::Pull)?, digest).await
    }
}

async fn may_pull(mut repository: ImageRepository<'_>, digest: &str) -> Result<(), OciError> {
    if repository.is_docker_hub() && repository.has_manifest(digest).await? {
        return Ok(());
    }
    repository.sends_manifest(digest).await
}

impl ImageRepository<'_> {
    /// Whether the registry answers a `HEAD` with the manifest's digest. A server that says yes to everything does
    /// not send the digest.
    async fn has_manifest(&mut self, digest: &str) -> Result<bool, OciError> {
        let answer = self.ask_for(&ReadRequest::manifest(Method::HEAD, digest, MANIFESTS)).await?;
        if matches!(answer.status(), StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
            return Ok(false);
        }
        Ok(told(self.found(answer).await?.headers()) == Some(digest))
    }

    /// Reads the manifest, and checks its digest.
    async fn sends_manifest(&mut self, digest: &str) -> Result<(), OciError> {
        let answer = self.ask_for(&ReadRequest::manifest(Method::GET, digest, MANIFESTS)).await?;
        let answer = self.found(answer).await?;
        match hashes_to(&self.read(answer, "a manifest", MANIFEST_READ).await?, digest) {
            true => Ok(()),
            false => Err(self.unexpected(format!("what it gives for {digest} has another digest"))),
        }
    }

    async fn found(&self, answer: Response) -> Result<Response, OciError> {
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::NOT_FOUND => Err(self.absent()),
            _ => Err(self.error(answer).await),
        }
    }
}
