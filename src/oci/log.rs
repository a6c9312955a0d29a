//! Attaches the logs of builds to their images, and finds them again.
//!
//! A registry that supports `subject` lists referrers itself, and says so with the header `OCI-Subject`. For other
//! registries, the distribution specification wants an index under a tag that is made from the subject's digest.

use std::time::{Duration, Instant};

use backon::Retryable as _;
use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::artifact::{CREATED, EMPTY, INDEX, LOG_ARTIFACT, MANIFEST, digest};
use super::lists::ListLocks;
use super::pages::PAGES;
use super::read::{LOG_READ, MANIFEST_READ, ReadRequest};
use super::referrers::{ReferrersPage, entries_of};
use super::registry::{MANIFESTS, is_digest};
use super::repository::{Access, ImageRepository};
use super::{Auth, BuildArtifact, Descriptor, ImageRef, OciError, Registry};
use crate::http;
use crate::time_limits::{Late, calls, pauses, within};

/// The number of attempts to write a list of referrers that others overwrite.
pub(super) const ATTEMPTS: u32 = 8;
/// The time limit for writing a list, also one of signatures. The next writer of this list waits meanwhile.
pub(super) const LISTING: Duration = calls::REGISTRY_LIST.whole();
/// The longest pause before a list that was written is read again.
const LONGEST: Duration = Duration::from_secs(5);
/// The pause before the second attempt.
const AGAIN: Duration = Duration::from_millis(100);

impl Registry {
    /// Pushes `artifact` into the repository of `image`. It is found through its subject, or under `tag`. Errors that
    /// may pass are retried: a registry may not find at once what another push has just written.
    pub async fn attach(
        &self,
        artifact: &BuildArtifact,
        image: &ImageRef,
        tag: Option<&str>,
        auth: &Auth,
        insecure: bool,
    ) -> Result<(), OciError> {
        let again = pauses::few().with_min_delay(AGAIN);
        let lasting = |error: &OciError| {
            matches!(
                error,
                OciError::Refused { .. } | OciError::RefusedToken { .. } | OciError::NotAsked { .. }
            )
        };
        let attach = || self.attach_once(artifact, image, tag, auth, insecure);
        attach.retry(again).when(|error| !lasting(error)).await
    }

    async fn attach_once(
        &self,
        artifact: &BuildArtifact,
        image: &ImageRef,
        tag: Option<&str>,
        auth: &Auth,
        insecure: bool,
    ) -> Result<(), OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Push)?;
        for layer in &artifact.layers {
            repository.put_blob(layer.content.clone()).await?;
        }
        repository.put_blob_once(Bytes::from_static(EMPTY)).await?;
        let target = tag.unwrap_or(&artifact.digest);
        let put = repository.put_manifest(target, MANIFEST, artifact.manifest.clone()).await?;
        match &artifact.subject {
            Some(subject) if !put.headers().contains_key("oci-subject") => {
                let tag = list_tag(&subject.digest);
                let entries = [artifact.entry()];
                write_list(&self.list_locks, &mut repository, &tag, &entries, &|| Some(())).await
            }
            _ => Ok(()),
        }
    }

    /// The descriptor of the manifest that `image` names.
    pub async fn describe(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Option<Descriptor>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let Some((bytes, manifest)) = repository.manifest(image.target()).await? else { return Ok(None) };
        let media_type = manifest["mediaType"].as_str().unwrap_or(MANIFEST).to_owned();
        Ok(Some(Descriptor { media_type, digest: digest(&bytes), size: bytes.len() as u64 }))
    }

    /// The newest log of the build of `image`, as gzip. `image` may also name the log itself. `None` if there is no
    /// log.
    pub async fn log(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Option<Vec<u8>>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let Some((_, manifest)) = repository.log_manifest(image.target()).await? else { return Ok(None) };
        let layer = manifest["layers"][0]["digest"].as_str().unwrap_or_default().to_owned();
        repository.blob(&layer, "a log", LOG_READ).await.map(Some)
    }
}

impl ImageRepository<'_> {
    /// A manifest and its JSON; `None` if there is no such manifest.
    pub(super) async fn manifest(&mut self, target: &str) -> Result<Option<(Bytes, Value)>, OciError> {
        let response = self.ask_for(&ReadRequest::manifest(Method::GET, target, MANIFESTS)).await?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => return Err(self.error(response).await),
            _ => {}
        }
        let bytes = Bytes::from(self.read(response, "a manifest", MANIFEST_READ).await?);
        if target.contains(':') && digest(&bytes) != target {
            return Err(self.unexpected(format!("manifest {target} has another digest")));
        }
        let manifest = http::json(&bytes);
        let manifest =
            manifest.map_err(|e| self.unexpected(format!("manifest {target} is not JSON: {e}")))?;
        Ok(Some((bytes, manifest)))
    }

    /// The manifest of the log that `target` names, or of the newest log of the image `target`, and its JSON; `None` if there is no
    /// log.
    pub(super) async fn log_manifest(&mut self, target: &str) -> Result<Option<(Bytes, Value)>, OciError> {
        let Some((bytes, manifest)) = self.manifest(target).await? else { return Ok(None) };
        if manifest["artifactType"] == LOG_ARTIFACT {
            return Ok(Some((bytes, manifest)));
        }
        match self.newest_log(&digest(&bytes)).await? {
            Some(log) => self.manifest(&log).await,
            None => Ok(None),
        }
    }

    /// The digest of the newest log about `subject`: from the registry's own list, else from the index under the tag.
    async fn newest_log(&mut self, subject: &str) -> Result<Option<String>, OciError> {
        let (mut logs, mut is_listed, mut next) = (Vec::new(), false, Some(self.referrers_of(subject)));
        for _ in 0..PAGES {
            let Some(url) = next.take() else { break };
            let ReferrersPage::Listed(entries, more) = self.referrers_page(&url).await? else { break };
            is_listed |= !entries.is_empty();
            logs.extend(newest(entries));
            next = more;
        }
        if is_listed {
            return Ok(newest(logs).and_then(digest_in));
        }
        let found = self.manifest(&list_tag(subject)).await?;
        Ok(match found.map(|(_, index)| entries_of(index)) {
            Some(Value::Array(listed)) => newest(listed).and_then(digest_in),
            _ => None,
        })
    }
}

/// The tag of the index that lists the referrers of `digest`: the algorithm, and at most 64 characters of the rest (distribution
/// specification, "Referrers Tag Schema").
pub(super) fn list_tag(digest: &str) -> String {
    let (algorithm, encoded) = digest.split_once(':').unwrap_or(("", digest));
    format!("{algorithm}-{}", encoded.get(..64).unwrap_or(encoded))
}

/// Adds `entries` to the list of referrers under `tag`. The next writer of this list waits meanwhile, so the time is limited.
/// `enter` gives the permit for one request, which is held while that request runs.
pub(super) async fn write_list<P>(
    locks: &ListLocks,
    repository: &mut ImageRepository<'_>,
    tag: &str,
    entries: &[Value],
    enter: &impl Fn() -> Option<P>,
) -> Result<(), OciError> {
    let what = repository.what();
    let _lock = locks.lock(repository.list_key(tag)).await;
    let late = |late: Late| OciError::Unreachable {
        what: what.clone(),
        why: format!("its list of referrers was not written: {late}"),
    };
    within(LISTING, &what, write_list_alone(repository, tag, entries, enter)).await.map_err(late)?
}

/// Adds `entries` to the list of referrers under `tag`. Another writer may overwrite them. So the list is read again after a
/// pause that is as long as another's reading and writing may take.
async fn write_list_alone<P>(
    repository: &mut ImageRepository<'_>,
    tag: &str,
    entries: &[Value],
    enter: &impl Fn() -> Option<P>,
) -> Result<(), OciError> {
    for _ in 0..ATTEMPTS {
        let began = Instant::now();
        let known = match repository.manifest(tag).await?.map(|(_, index)| entries_of(index)) {
            Some(Value::Array(known)) => known,
            Some(_) => return Err(repository.unexpected(format!("tag {tag} is not an index"))),
            None => Vec::new(),
        };
        let is_missing = |entry: &&Value| !known.iter().any(|known| known["digest"] == entry["digest"]);
        let missing: Vec<_> = entries.iter().filter(is_missing).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let listed: Vec<_> = known.into_iter().chain(missing).collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed});
        let stopped = || OciError::Stopped { what: repository.what(), name: tag.to_owned() };
        let permit = enter().ok_or_else(stopped)?;
        repository.put_manifest(tag, INDEX, index.to_string().into()).await?;
        drop(permit);
        another_had_time(began).await;
    }
    Err(OciError::Contended { what: repository.what(), tag: tag.to_owned() })
}

/// Waits as long as another's reading and writing may take, if it takes about as long as ours since `began`. A registry that
/// asked us to wait meanwhile is no reason to wait for ever.
pub(super) async fn another_had_time(began: Instant) {
    let pause = began.elapsed().mul_f64(1.0 + fastrand::f64());
    tokio::time::sleep(pause.min(LONGEST)).await;
}

/// The entry of the newest log.
fn newest(listed: Vec<Value>) -> Option<Value> {
    let logs = listed.into_iter().filter(|entry| entry["artifactType"] == LOG_ARTIFACT);
    logs.max_by_key(|entry| entry["annotations"][CREATED].as_str().unwrap_or_default().to_owned())
}

/// The digest in an entry, which becomes a part of a request's path.
fn digest_in(entry: Value) -> Option<String> {
    entry["digest"].as_str().filter(|digest| is_digest(digest)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::list_tag;

    #[test]
    fn the_tag_of_a_list_is_no_longer_than_a_tag_may_be() {
        for (algorithm, length) in [("sha256", 64), ("sha512", 128)] {
            let tag = list_tag(&format!("{algorithm}:{}", "a".repeat(length)));
            assert_eq!(tag, format!("{algorithm}-{}", "a".repeat(64)));
        }
    }
}
