//! Whether a push would be let in: an upload is begun and given up, so that nothing is written.

use reqwest::{Method, Response};

use super::repository::{Access, Repository};
use super::{Auth, ImageRef, OciError, Registry};

impl Registry {
    /// Asks with `auth` to upload to `image`'s repository, and gives the upload up at once.
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

/// A registry forgets an upload that nobody goes on with; telling it is a courtesy.
async fn give_up(repository: &mut Repository<'_>, begun: &Response) {
    let Ok(upload) = repository.location(begun) else { return };
    if let Err(error) = repository.ask(repository.request(Method::DELETE, upload)).await {
        tracing::debug!(%error, "an upload that was begun is kept");
    }
}
