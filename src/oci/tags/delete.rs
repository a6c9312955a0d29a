//! Deletes manifests and tags of a repository.

use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use super::super::copy::{Failed, Tries};
use super::super::repository::{Access, ImageRepository};
use super::super::{Auth, ImageRef, OciError, Registry};

/// A repository in which something is deleted.
pub struct TagDeleter<'a> {
    repository: ImageRepository<'a>,
    deadline: Instant,
}

/// What a registry did about a request to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is deleted.
    Now,
    /// It was not there.
    Before,
    /// The registry does not delete this.
    Unsupported,
}

impl Registry {
    /// The repository of `image`, to delete from it. Nothing is tried again after `deadline`.
    ///
    /// # Errors Our own settings cannot be used.
    pub fn tag_deleter<'a>(
        &'a self,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        deadline: Instant,
    ) -> Result<TagDeleter<'a>, OciError> {
        Ok(TagDeleter { repository: self.repository(image, auth, insecure, Access::Delete)?, deadline })
    }
}

impl TagDeleter<'_> {
    /// Deletes what `name` names. By a tag, only the tag is deleted. By a digest, the manifest is, with every tag that names
    /// it: Gitea and distribution do so, and the specification lets them.
    ///
    /// # Errors The registry does not answer, or refuses the login.
    pub async fn delete(&mut self, name: &str) -> Result<Deleted, OciError> {
        let mut tries = Tries::until(self.deadline);
        loop {
            match self.delete_once(name).await {
                Ok(deleted) => return Ok(deleted),
                Err(failed) => tries.wait(failed).await?,
            }
        }
    }

    async fn delete_once(&mut self, name: &str) -> Result<Deleted, Failed> {
        let url = self.repository.url(&format!("manifests/{name}"));
        let answer = self.repository.ask(self.repository.request(Method::DELETE, url)).await?;
        match answer.status() {
            status if status.is_success() => Ok(Deleted::Now),
            StatusCode::NOT_FOUND => Ok(Deleted::Before),
            // Of distribution: 405 with deletes switched off, 400 for a tag, with `UNSUPPORTED` both times.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED | StatusCode::BAD_REQUEST => {
                Ok(Deleted::Unsupported)
            }
            _ => Err(Failed::of(&self.repository, answer).await),
        }
    }

    /// The digests of the manifests that the registry itself lists as being about `digest`; `None` if it keeps no such list.
    ///
    /// # Errors The registry does not answer.
    pub async fn referrers(&mut self, digest: &str) -> Result<Option<Vec<String>>, OciError> {
        super::super::copy::referrers::api(&mut self.repository, digest, self.deadline).await
    }
}
