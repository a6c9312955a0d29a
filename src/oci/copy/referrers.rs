//! Copies what refers to an image: signatures, attestations and SBOMs, of the image and of its platforms.
//!
//! They are found in three places: the list that a registry keeps itself, the index under a tag that is made from the
//! digest (for registries without such a list), and the tags of cosign. Where the target's registry keeps no list, the
//! index under the tag is written.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::OciError;
use super::super::log::{list_tag, write_list};
use super::super::pages::PAGES;
use super::super::referrers::ReferrersPage;
use super::super::registry::is_digest;
use super::super::repository::ImageRepository;
use super::manifest::RawManifest;
use super::progress::CopyProgress;
use super::source::{BYTES, SourceImage, read};
use super::target::CopyTarget;
use super::tries::{Failed, Tries};
use crate::http;

/// The ends of cosign's tags for signatures, attestations and SBOMs (cosign `pkg/oci/remote/remote.go`).
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];
/// The most referrers that are copied.
const MOST: usize = 1_000;

impl<'a> CopyTarget<'a> {
    /// Copies what refers to the image and to its platforms, and what refers to that. Returns their number.
    ///
    /// # Errors A registry does not answer, or one of the referrers cannot be copied.
    pub async fn copy_referrers(
        &mut self,
        source: &SourceImage<'a>,
        progress: &CopyProgress,
    ) -> Result<usize, OciError> {
        let mut subjects: VecDeque<String> =
            source.tree().await?.manifests.iter().map(|manifest| manifest.digest.clone()).collect();
        let mut seen: BTreeSet<String> = subjects.iter().cloned().collect();
        let mut count = 0;
        while let Some(subject) = subjects.pop_front() {
            let mut listed = listed(source, &subject).await?;
            listed.retain(|referrer| seen.insert(referrer.digest.clone()));
            count += listed.len() + self.copy_signature_tags(source, &subject, progress).await?;
            if count > MOST {
                return Err(
                    source.refuse(format!("it has more than {MOST} signatures, attestations and SBOMs"))
                );
            }
            self.copy_listed(source, &subject, &listed, progress).await?;
            subjects.extend(listed.into_iter().map(|referrer| referrer.digest));
        }
        Ok(count)
    }

    /// Copies the referrers of `subject`, and lists them.
    async fn copy_listed(
        &mut self,
        source: &SourceImage<'a>,
        subject: &str,
        listed: &[RawManifest],
        progress: &CopyProgress,
    ) -> Result<(), OciError> {
        let mut is_listed = listed.is_empty();
        for referrer in listed {
            if self.digest_of(&referrer.digest).await?.is_none() {
                self.copy_below_of(source, referrer, progress).await?;
                let answer = self.put(&referrer.digest, referrer, None).await?;
                is_listed |= answer.contains_key("oci-subject");
            }
        }
        if is_listed || api(&mut self.repository, subject, self.deadline).await?.is_some() {
            return Ok(());
        }
        let tag = list_tag(subject);
        let entries = listed.iter().map(entry).collect::<Result<Vec<_>, _>>();
        let entries = entries.map_err(|why| source.refuse(why))?;
        let mut tries = Tries::until(self.deadline);
        loop {
            match write_list(self.list_locks, &mut self.repository, &tag, &entries).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.wait(error).await?,
            }
        }
    }

    /// Copies cosign's tags for `subject`. Returns their number.
    async fn copy_signature_tags(
        &mut self,
        source: &SourceImage<'a>,
        subject: &str,
        progress: &CopyProgress,
    ) -> Result<usize, OciError> {
        let mut count = 0;
        for end in COSIGN {
            let tag = format!("{}.{end}", list_tag(subject));
            let Some(found) = read(&mut source.repository.fork(), &tag, self.deadline).await? else {
                continue;
            };
            count += 1;
            let has = self.digest_of(&tag).await?;
            if has.as_deref() != Some(&found.digest) {
                self.copy_below_of(source, &found, progress).await?;
                self.put(&tag, &found, has.as_deref()).await?;
            }
        }
        Ok(count)
    }

    /// Copies what `referrer` names.
    async fn copy_below_of(
        &mut self,
        source: &SourceImage<'a>,
        referrer: &RawManifest,
        progress: &CopyProgress,
    ) -> Result<(), OciError> {
        let tree = source.tree_of(referrer).await?;
        self.copy_below(source, &tree, progress).await
    }
}

/// The manifests that the source's registry lists as referrers of `subject`.
async fn listed(source: &SourceImage<'_>, subject: &str) -> Result<Vec<RawManifest>, OciError> {
    let mut repository = source.repository.fork();
    let mut entries = api(&mut repository, subject, source.deadline).await?.unwrap_or_default();
    if let Some(index) = read(&mut repository, &list_tag(subject), source.deadline).await? {
        entries.extend(index.children.into_iter().map(|child| child.digest));
    }
    let (mut found, mut bytes) = (Vec::new(), 0);
    for digest in entries.into_iter().collect::<BTreeSet<_>>().into_iter().take(MOST + 1) {
        let Some(referrer) = read(&mut repository, &digest, source.deadline).await? else { continue };
        // The index under a tag is anybody's, and may list what refers to something else.
        if referrer.subject.as_deref() == Some(subject) {
            bytes += referrer.bytes.len();
            found.push(referrer);
        }
        if bytes > BYTES {
            let why = format!("the manifests of what refers to {subject} have more than {} MiB", BYTES >> 20);
            return Err(source.refuse(why));
        }
    }
    Ok(found)
}

/// The digests in the registry's own list of referrers; `None` if it keeps no list.
async fn api(
    repository: &mut ImageRepository<'_>,
    subject: &str,
    deadline: Instant,
) -> Result<Option<Vec<String>>, OciError> {
    let (mut found, mut next) = (Vec::new(), repository.referrers_of(subject));
    for _ in 0..PAGES {
        let Some((listed, more)) = page(repository, &next, deadline).await? else {
            return if found.is_empty() { Ok(None) } else { Err(repository.unexpected("its list of referrers breaks off")) };
        };
        found.extend(digests(&listed));
        match more {
            Some(more) if found.len() <= MOST => next = more,
            _ => return Ok(Some(found)),
        }
    }
    Err(repository.unexpected(format!("its list of referrers has more than {PAGES} pages")))
}

/// A page of the list, and the address of the next; `None` if the registry keeps no list that we may ask.
async fn page(
    repository: &mut ImageRepository<'_>,
    url: &str,
    deadline: Instant,
) -> Result<Option<(Vec<Value>, Option<String>)>, OciError> {
    let mut tries = Tries::until(deadline);
    loop {
        let failed = match repository.referrers_page(url).await {
            Ok(ReferrersPage::Listed(entries, next)) => return Ok(Some((entries, next))),
            Ok(ReferrersPage::NoList) | Err(OciError::NotAsked { .. }) => return Ok(None),
            Ok(ReferrersPage::Refused(answer)) => Failed::of(repository, answer).await,
            Err(error) => error.into(),
        };
        if !failed.may_pass() && failed.status.is_some_and(|status| !matches!(status, 401 | 403)) {
            return Ok(None);
        }
        tries.wait(failed).await?;
    }
}

fn digests(entries: &[Value]) -> impl Iterator<Item = String> {
    let listed = entries.iter().filter_map(|entry| entry["digest"].as_str());
    listed.filter(|digest| is_digest(digest)).map(str::to_owned)
}

/// The entry of a referrer in a list (distribution specification, "Referrers Tag Schema").
fn entry(referrer: &RawManifest) -> Result<Value, String> {
    let manifest: Value = http::json(&referrer.bytes)?;
    let mut entry = json!({
        "mediaType": referrer.media_type,
        "digest": referrer.digest,
        "size": referrer.bytes.len(),
    });
    let kind = manifest["artifactType"].as_str().or(manifest["config"]["mediaType"].as_str());
    if let Some(kind) = kind {
        entry["artifactType"] = kind.into();
    }
    if manifest["annotations"].is_object() {
        entry["annotations"] = manifest["annotations"].clone();
    }
    Ok(entry)
}
