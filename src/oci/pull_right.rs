//! Whether a caller may read an image, told by the registry itself.

use reqwest::{Method, Response, StatusCode};

use super::artifact::hashes_to;
use super::log::MANIFEST_READ;
use super::read::Wanted;
use super::registry::{MANIFESTS, digest as told};
use super::repository::{Access, Repository};
use super::{Auth, ImageRef, OciError, Registry};

impl Registry {
    /// Has the registry give, with `auth`, the manifest `digest` of `image`'s repository. `insecure` takes any
    /// certificate, and plain http; registries on the loopback interface are always asked over plain http.
    ///
    /// The manifest itself has to come: the daemon takes any server's yes for the image, and reads what it has by the digest,
    /// wherever that was pulled from (containerd `core/remotes/handlers.go`, `FetchHandler`: what exists is not fetched). Docker Hub
    /// alone is believed without, since it counts what is read as a pull, and not a `HEAD`.
    ///
    /// # Errors
    /// The registry does not have it for this caller, does not answer, or answers with something else.
    pub async fn may_pull(
        &self,
        image: &ImageRef,
        digest: &str,
        auth: &Auth,
        insecure: bool,
    ) -> Result<(), OciError> {
        may_pull(self.repository(image, auth, insecure, Access::Pull)?, digest).await
    }

    /// The same, over plain http alone.
    ///
    /// # Errors
    /// As those of [`Self::may_pull`].
    pub(super) async fn may_pull_plainly(
        &self,
        image: &ImageRef,
        digest: &str,
        auth: &Auth,
    ) -> Result<(), OciError> {
        may_pull(Repository::plainly(self.clients(), image, auth, Access::Pull)?, digest).await
    }
}

async fn may_pull(mut repository: Repository<'_>, digest: &str) -> Result<(), OciError> {
    if repository.is_docker_hub() && repository.tells(digest).await? {
        return Ok(());
    }
    repository.gives(digest).await
}

impl Repository<'_> {
    /// Whether the registry says that it has the manifest. A server that says yes to everything tells no digest.
    async fn tells(&mut self, digest: &str) -> Result<bool, OciError> {
        let answer = self.ask_for(&Wanted::manifest(Method::HEAD, digest, MANIFESTS)).await?;
        if matches!(answer.status(), StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
            return Ok(false);
        }
        Ok(told(self.found(answer).await?.headers()) == Some(digest))
    }

    /// Has the registry give the manifest.
    async fn gives(&mut self, digest: &str) -> Result<(), OciError> {
        let answer = self.ask_for(&Wanted::manifest(Method::GET, digest, MANIFESTS)).await?;
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
