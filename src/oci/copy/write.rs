//! Writes one manifest under its digest or under a tag, and never over what another wrote meanwhile.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use tokio::time::Instant;

use super::super::OciError;
use super::super::registry::digest as told_digest;
use super::super::repository::ImageRepository;
use super::manifest::RawManifest;
use super::named::named;
use super::tries::{Failed, Tries};
use crate::time_limits::calls;

/// How often a manifest is sent again that names something which the registry does not find. Gitea finds it a moment later
/// (contracts: gitea-events.md section 2).
const UNFOUND: usize = 5;

/// A manifest that is being written.
pub(super) struct ManifestWrite<'a, 'b> {
    repository: &'b mut ImageRepository<'a>,
    deadline: Instant,
    name: &'b str,
    manifest: &'b RawManifest,
    /// What the name named before.
    before: Option<&'b str>,
    tries: Tries,
    unfound: usize,
}

impl<'a, 'b> ManifestWrite<'a, 'b> {
    pub(super) fn new(
        repository: &'b mut ImageRepository<'a>,
        deadline: Instant,
        name: &'b str,
        manifest: &'b RawManifest,
        before: Option<&'b str>,
    ) -> Self {
        let tries = Tries::until(deadline);
        Self { repository, deadline, name, manifest, before, tries, unfound: 0 }
    }

    /// Sends the manifest. Returns the headers of the answer.
    pub(super) async fn once(&mut self) -> Result<HeaderMap, Failed> {
        let repository = &mut *self.repository;
        let url = repository.url(&format!("manifests/{}", self.name));
        let request = repository.request(Method::PUT, url).header(CONTENT_TYPE, &self.manifest.media_type);
        let request = request.body(self.manifest.bytes.clone()).timeout(calls::REGISTRY_MANIFEST.whole());
        let answer = repository.ask(request).await?;
        match answer.status().is_success() {
            true => Ok(answer.headers().clone()),
            false => Err(Failed::of(repository, answer).await),
        }
    }

    /// Whether the manifest is there after [`Self::once`], with the headers of the answer. `None` after a pause: then it is to be
    /// sent again.
    pub(super) async fn settled(
        &mut self,
        written: Result<HeaderMap, Failed>,
    ) -> Result<Option<HeaderMap>, OciError> {
        let failed = match written {
            Ok(headers) => match self.check(told_digest(&headers)).await? {
                true => return Ok(Some(headers)),
                false => self.unfound().into(),
            },
            Err(failed) => failed,
        };
        if failed.status == Some(404) && self.unfound < UNFOUND {
            self.unfound += 1;
            self.tries.wait_anyway(failed).await?;
        } else {
            self.tries.wait(failed).await?;
        }
        // The answer may be lost. And Gitea answers 500 to one of two writers of the same manifest: the other has written it.
        match self.named().await? {
            Some(now) if self.is_ours(&now) => Ok(Some(HeaderMap::new())),
            Some(now) if self.before != Some(now.as_str()) => Err(self.moved(now)),
            _ => Ok(None),
        }
    }

    async fn named(&mut self) -> Result<Option<String>, OciError> {
        named(self.repository, self.name, self.deadline).await
    }

    /// Compares the digest that the registry states, since Gitea takes a manifest under a wrong one. False if it does not find
    /// the manifest.
    async fn check(&mut self, told: Option<&str>) -> Result<bool, OciError> {
        let told = match told {
            Some(told) => Some(told.to_owned()),
            None => self.named().await?,
        };
        match told {
            Some(told) if !self.is_ours(&told) => {
                let why = format!("it stored {} as {told}", self.manifest.digest);
                Err(self.repository.unexpected(why))
            }
            told => Ok(told.is_some()),
        }
    }

    /// Whether `told` is a digest of the manifest. A registry may state its own algorithm for a manifest whose name has another.
    fn is_ours(&self, told: &str) -> bool {
        told == self.manifest.digest || self.manifest.clone().named(told).is_some()
    }

    fn unfound(&self) -> OciError {
        OciError::Unfound { what: self.repository.what(), name: self.name.to_owned() }
    }

    fn moved(&self, now: String) -> OciError {
        OciError::Moved { what: self.repository.what(), tag: self.name.to_owned(), now }
    }
}
