//! Checks whether a push would be accepted: it opens an upload and cancels it, so nothing is written.

use super::repository::Access;
use super::{Auth, ImageRef, OciError, Registry};

impl Registry {
    /// Opens an upload to `image`'s repository with `auth`, and cancels it at once.
    pub async fn may_push(&self, image: &ImageRef, auth: &Auth, insecure: bool) -> Result<(), OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Push)?;
        let begun = repository.ask(repository.opening("")).await?;
        if !begun.status().is_success() {
            return Err(repository.error(begun).await);
        }
        if let Ok(place) = repository.location(&begun) {
            repository.cancel_upload(place).await;
        }
        Ok(())
    }
}
