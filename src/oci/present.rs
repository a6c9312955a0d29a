//! Asks which tags of an image repository are there: one by one if they are few, else by the registry's list of tags.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};

use super::copy::Failed;
use super::read::ReadRequest;
use super::registry::MANIFESTS;
use super::repository::{Access, ImageRepository};
use super::tag_pages::TagPages;
use super::{Auth, ImageRef, OciError, Registry};
use crate::time_limits::PeerActivity;

/// How many tags are asked for one by one. For more, the list is read first.
const FEW: usize = 4;
/// The most tags that are asked for one by one, if the registry has no list.
const MOST: usize = 100;

/// The outcome of reading the list.
enum Listed {
    /// Those of the tags that are there.
    Found(BTreeSet<String>),
    /// The registry has no list, or does not show it to this login.
    Nothing(OciError),
}

impl Registry {
    /// Those of `tags` that the repository of `image` has. With `insecure`, any certificate and plain http are accepted.
    /// Registries on the loopback interface are always asked over plain http.
    ///
    /// `answers` counts the registry's answers: one that is only slow is not away.
    ///
    /// # Errors The registry does not answer, refuses the login, or answers with something else.
    pub(crate) async fn tags_present(
        &self,
        image: &ImageRef,
        tags: &BTreeSet<String>,
        (auth, insecure): (&Auth, bool),
        answers: &PeerActivity,
    ) -> Result<BTreeSet<String>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        if tags.len() <= FEW {
            return repository.ask_each(tags, answers).await;
        }
        match repository.list(tags, answers).await? {
            Listed::Found(found) => Ok(found),
            Listed::Nothing(_) if tags.len() <= MOST => repository.ask_each(tags, answers).await,
            Listed::Nothing(error) => Err(error),
        }
    }

    /// The first of `tags` that the repository of `image` has. If the registry has no list, only the first hundred are asked for.
    ///
    /// # Errors As for [`tags_present`](Self::tags_present).
    pub(crate) async fn first_present(
        &self,
        image: &ImageRef,
        tags: &[String],
        (auth, insecure): (&Auth, bool),
        answers: &PeerActivity,
    ) -> Result<Option<String>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        if tags.len() > FEW
            && let Listed::Found(found) = repository.list(&tags.iter().cloned().collect(), answers).await?
        {
            return Ok(tags.iter().find(|tag| found.contains(*tag)).cloned());
        }
        for tag in tags.iter().take(MOST) {
            if repository.has(tag, answers).await? {
                return Ok(Some(tag.clone()));
            }
        }
        Ok(None)
    }
}

impl ImageRepository<'_> {
    async fn ask_each(
        &mut self,
        tags: &BTreeSet<String>,
        answers: &PeerActivity,
    ) -> Result<BTreeSet<String>, OciError> {
        let mut found = BTreeSet::new();
        for tag in tags {
            if self.has(tag, answers).await? {
                found.insert(tag.clone());
            }
        }
        Ok(found)
    }

    /// Whether there is a manifest under `tag`.
    async fn has(&mut self, tag: &str, answers: &PeerActivity) -> Result<bool, OciError> {
        let mut answer = self.ask_for(&ReadRequest::manifest(Method::HEAD, tag, MANIFESTS)).await?;
        // Some proxies before registries take no HEAD.
        if matches!(answer.status(), StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
            answer = self.ask_for(&ReadRequest::manifest(Method::GET, tag, MANIFESTS)).await?;
        }
        answers.heard();
        match answer.status() {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.error(answer).await),
        }
    }

    async fn list(&mut self, wanted: &BTreeSet<String>, answers: &PeerActivity) -> Result<Listed, OciError> {
        let (mut found, mut pages) = (BTreeSet::new(), TagPages::of(self));
        loop {
            let page = pages.read(self).await;
            if page.as_ref().map_or_else(|failed| failed.status.is_some(), Option::is_some) {
                answers.heard();
            }
            let page = match page {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(Listed::Found(found)),
                Err(Failed { error, status: Some(401 | 403 | 405 | 501), .. }) => {
                    return Ok(Listed::Nothing(error));
                }
                Err(failed) => return Err(failed.error),
            };
            found.extend(page.into_iter().filter(|tag| wanted.contains(tag)));
            if found.len() == wanted.len() {
                return Ok(Listed::Found(found));
            }
        }
    }
}
