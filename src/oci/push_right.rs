//! Checks whether a push would be accepted: it opens an upload and cancels it, so nothing is written.

use reqwest::{Method, Response};

use super::repository::{Access, ImageRepository};
use super::{Auth, ImageRef, OciError, Registry};

impl Registry {
    /// Opens an upload to `image`'s repository with `auth`, and cancels it at once.
    pub async fn may_push(&self, image: &ImageRef, auth: &Auth, insecure: bool) -> Result<(), OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Push)?;
        let begun =
            repository.ask(repository.request(Method::POST, repository.url("blobs/uploads/"))).await?;
        if !begun.status().is_success() {
            return Err(repository.error(begun).await);
        }
        give_up(&mut repository, &begun).await;
        Ok(())
    }
}

/// Cancels the upload. An error is only logged, because a registry removes abandoned uploads by itself.
async fn give_up(repository: &mut ImageRepository<'_>, begun: &Response) {
    let Ok(upload) = repository.location(begun) else { return };
    if let Err(error) = repository.ask(repository.request(Method::DELETE, upload)).await {
        tracing::debug!(%error, "an upload that was begun is kept");
    }
}
