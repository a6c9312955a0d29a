//! Copies what refers to an image: signatures, attestations and SBOMs, of the image and of its platforms.
//!
//! They are found in three places: the list that a registry keeps itself, the index under a tag that is made from the
//! digest (for registries without such a list), and the tags of cosign. Where the target's registry keeps no list, the
//! index under the tag is written.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::OciError;
use super::super::log::{list_tag, write_list};
use super::super::pages::PAGES;
use super::super::read::MANIFEST_READ;
use super::super::referrers::ReferrersPage;
use super::super::registry::is_digest;
use super::super::repository::ImageRepository;
use super::manifest::RawManifest;
use super::memory::CopyMemory;
use super::named::read;
use super::progress::CopyProgress;
use super::source::SourceImage;
use super::target::CopyTarget;
use super::tries::{Failed, Tries};
use crate::http;
use crate::limits::Held;

/// The most referrers that are copied.
const MOST: usize = 1_000;

/// What was copied of what refers to an image.
#[derive(Debug, Default)]
pub struct CopiedReferrers {
    /// The number of signatures, attestations and SBOMs.
    pub count: usize,
    /// How many a list names that the source does not have, and the first of them.
    pub missing: (usize, Option<String>),
}

impl<'a> CopyTarget<'a> {
    /// Copies what refers to the image and to its platforms, and what refers to that.
    ///
    /// # Errors A registry does not answer, or one of the referrers cannot be copied.
    pub async fn copy_referrers(
        &mut self,
        source: &SourceImage<'a>,
        progress: &CopyProgress,
    ) -> Result<CopiedReferrers, OciError> {
        let mut subjects: VecDeque<String> =
            source.tree().await?.manifests.iter().map(|manifest| manifest.digest.clone()).collect();
        let mut seen: BTreeSet<String> = subjects.iter().cloned().collect();
        let mut copied = CopiedReferrers::default();
        while let Some(subject) = subjects.pop_front() {
            let mut entries = Entries::default();
            for digest in listed(source, &subject).await? {
                if seen.contains(&digest) {
                    continue;
                }
                let Some(referrer) = read(&mut source.repository.fork(), &digest, source.deadline).await?
                else {
                    copied.missing.0 += 1;
                    copied.missing.1.get_or_insert(digest);
                    continue;
                };
                // The index under a tag is anybody's, and may list what refers to something else.
                if referrer.subject.as_deref() == Some(&subject) {
                    entries.add(&referrer).map_err(|why| source.refuse(why))?;
                    entries.are_listed |= self.copy_referrer(source, referrer, progress).await?;
                    subjects.push_back(digest.clone());
                    seen.insert(digest);
                }
            }
            copied.count +=
                entries.values.len() + self.copy_signature_tags(source, &subject, progress).await?;
            if copied.count > MOST {
                return Err(source.refuse(too_many("it has")));
            }
            self.list(&subject, &entries, &|| Some(())).await?;
        }
        Ok(copied)
    }

    /// Copies `referrer` under its digest. Returns whether the registry lists it by itself.
    async fn copy_referrer(
        &mut self,
        source: &SourceImage<'a>,
        referrer: RawManifest,
        progress: &CopyProgress,
    ) -> Result<bool, OciError> {
        if self.digest_of(&referrer.digest).await?.is_some() {
            return Ok(false);
        }
        let referrer = Arc::new(referrer);
        self.copy_below_of(source, &referrer, progress).await?;
        let answer = self.put(&referrer.digest, &referrer, None).await?;
        Ok(answer.contains_key("oci-subject"))
    }

    /// Lists the referrers of `subject`, if the registry does not. `enter` gives the permit for one request.
    async fn list<P>(
        &mut self,
        subject: &str,
        entries: &Entries,
        enter: &impl Fn() -> Option<P>,
    ) -> Result<(), OciError> {
        if entries.are_listed || entries.values.is_empty() {
            return Ok(());
        }
        if api(&mut self.repository, subject, self.deadline).await?.is_some() {
            return Ok(());
        }
        let (tag, mut tries) = (list_tag(subject), Tries::until(self.deadline));
        loop {
            match write_list(self.list_locks, &mut self.repository, &tag, &entries.values, enter).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.wait(error).await?,
            }
        }
    }

    /// Writes `referrer` into the list of what refers to `subject`, unless the registry keeps that list itself. `enter` gives the
    /// permit for one request.
    pub(in crate::oci) async fn list_referrer<P>(
        &mut self,
        subject: &str,
        referrer: &RawManifest,
        enter: &impl Fn() -> Option<P>,
    ) -> Result<(), OciError> {
        let mut entries = Entries::default();
        entries.add(referrer).map_err(|why| self.repository.unexpected(why))?;
        self.list(subject, &entries, enter).await
    }

    /// Copies what `referrer` names.
    pub(super) async fn copy_below_of(
        &mut self,
        source: &SourceImage<'a>,
        referrer: &Arc<RawManifest>,
        progress: &CopyProgress,
    ) -> Result<(), OciError> {
        let tree = source.tree_within(referrer, MANIFEST_READ).await?;
        self.copy_below(source, &tree, progress).await
    }
}

/// The entries of a list of referrers.
#[derive(Default)]
struct Entries {
    values: Vec<Value>,
    bytes: usize,
    /// Whether the registry has said that it lists them by itself.
    are_listed: bool,
}

impl Entries {
    /// Adds the entry of `referrer`. A list is a manifest, so it has a largest size.
    fn add(&mut self, referrer: &RawManifest) -> Result<(), String> {
        let entry = entry(referrer)?;
        self.bytes += entry.to_string().len();
        self.values.push(entry);
        match self.bytes > MANIFEST_READ {
            true => Err(too_many(&format!(
                "the list of what refers to it has more than {} MiB, with",
                MANIFEST_READ >> 20
            ))),
            false => Ok(()),
        }
    }
}

fn too_many(what: &str) -> String {
    format!(
        "{what} more than {MOST} signatures, attestations, SBOMs and logs; delete those that are not needed, such as logs of builds \
         (`attach-log`)"
    )
}

/// The digests of what the source's registry lists as referrers of `subject`, each once.
async fn listed(source: &SourceImage<'_>, subject: &str) -> Result<BTreeSet<String>, OciError> {
    let mut repository = source.repository.fork();
    let mut digests = api(&mut repository, subject, source.deadline).await?.unwrap_or_default();
    if let Some(index) = read(&mut repository, &list_tag(subject), source.deadline).await? {
        digests.extend(index.children.into_iter().map(|child| child.digest));
    }
    let digests: BTreeSet<_> = digests.into_iter().collect();
    match digests.len() > MOST {
        true => Err(source.refuse(too_many(&format!("{subject} has")))),
        false => Ok(digests),
    }
}

/// The digests in the registry's own list of referrers; `None` if it keeps no list.
pub(in crate::oci) async fn api(
    repository: &mut ImageRepository<'_>,
    subject: &str,
    deadline: Instant,
) -> Result<Option<Vec<String>>, OciError> {
    api_of(repository, subject, deadline, None, |_| true).await
}

/// The same, of the entries that are `wanted`. A caller that has no memory for a page yet names where to take it.
pub(in crate::oci) async fn api_of(
    repository: &mut ImageRepository<'_>,
    subject: &str,
    deadline: Instant,
    memory: Option<&CopyMemory>,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Option<Vec<String>>, OciError> {
    let (mut found, mut is_listed, mut next) = (Vec::new(), false, repository.referrers_of(subject));
    for _ in 0..PAGES {
        let Some(Page { entries: mut listed, next: more, held }) =
            page(repository, &next, deadline, memory).await?
        else {
            return match is_listed {
                false => Ok(None),
                true => Err(repository.unexpected("its list of referrers breaks off")),
            };
        };
        is_listed |= !listed.is_empty();
        listed.retain(&wanted);
        found.extend(digests(&listed));
        drop((listed, held));
        match more {
            Some(more) if found.len() <= MOST => next = more,
            _ => return Ok(Some(found)),
        }
    }
    Err(repository.unexpected(format!("its list of referrers has more than {PAGES} pages")))
}

/// A page of the list.
struct Page {
    entries: Vec<Value>,
    /// The address of the next page.
    next: Option<String>,
    /// The memory for this page. A slow registry may take long for many pages, and others need the memory too.
    held: Option<Held>,
}

/// A page of the list; `None` if the registry keeps no list that we may ask.
async fn page(
    repository: &mut ImageRepository<'_>,
    url: &str,
    deadline: Instant,
    memory: Option<&CopyMemory>,
) -> Result<Option<Page>, OciError> {
    let mut tries = Tries::until(deadline);
    loop {
        let held = CopyMemory::manifest_from(memory).await?;
        let failed = match repository.referrers_page(url).await {
            Ok(ReferrersPage::Listed(entries, next)) => return Ok(Some(Page { entries, next, held })),
            Ok(ReferrersPage::NoList) | Err(OciError::NotAsked { .. }) => return Ok(None),
            Ok(ReferrersPage::Refused(answer)) => Failed::of(repository, answer).await,
            Err(error) => error.into(),
        };
        drop(held);
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
