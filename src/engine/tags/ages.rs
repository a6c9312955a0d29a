//! How old the images of tags are.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use super::super::Engine;
use super::super::context::Cx;
use super::images::{self, AT_A_TIME, Manifests, PREPARED};
use super::plan::Age;
use crate::oci::{Auth, Created, OciError, TagReader};
use crate::outcome::StepError;
use crate::step::Tags;

/// The age of each tag.
#[derive(Debug, Default)]
pub(super) struct Ages {
    by_tag: BTreeMap<String, Age>,
    /// The images whose times were not all read.
    unread: BTreeSet<String>,
    /// Whether the ages are those of the pushes.
    is_pushed: bool,
}

impl Ages {
    pub(super) fn by_tag(&self) -> &BTreeMap<String, Age> {
        &self.by_tag
    }

    /// The ages of the chosen tags by the times in their images.
    pub(super) async fn created(
        reader: &TagReader<'_>,
        manifests: &Manifests,
        chosen: &[String],
        cx: &Cx,
    ) -> Result<Self, StepError> {
        let times = images::times(reader, manifests, chosen, &|now| cx.now(now)).await?;
        let mut ages = Self::default();
        for tag in chosen {
            let Some(image) = manifests.get(tag) else { continue };
            ages.by_tag.insert(tag.clone(), age(times.get(&image.digest).copied()));
            if image.children.iter().filter(|child| child.platform.is_some()).nth(1).is_some() {
                ages.unread.insert(image.digest.clone());
            }
        }
        Ok(ages)
    }

    /// The ages of all tags by the times at which the registry received them.
    pub(super) async fn pushed(
        engine: &Engine,
        step: &Tags,
        manifests: &Manifests,
        auth: &Auth,
        cx: &Cx,
    ) -> Result<Self, StepError> {
        cx.now("reading when each tag was pushed");
        let image = &step.image;
        let times = engine.registry.push_times(&image.image, auth, image.insecure, cx.deadline).await?;
        let times = times.ok_or_else(|| {
            StepError::user(format!(
                "registry {} does not tell when a tag was pushed; only Gitea does. Use `clock: created`, or `keep` alone with `sort: semver`",
                image.image.registry()
            ))
        })?;
        let by_tag = times.into_iter().map(|(tag, time)| (tag, Age::Since(time))).collect();
        Ok(Self { by_tag, unread: manifests.digests().map(str::to_owned).collect(), is_pushed: true })
    }

    /// Reads the times of those images of `doomed` tags of which they were not all read. BuildKit takes a platform that has not changed
    /// from its cache, with its old time, so an index of today may have one: an image is as old as its youngest platform. Gitea 1.25.0
    /// tells when a tag was pushed first, so what was pushed is no older than its image. Returns whether something was read.
    pub(super) async fn read_doomed(
        &mut self,
        reader: &TagReader<'_>,
        manifests: &Manifests,
        doomed: impl Iterator<Item = &String>,
        cx: &Cx,
    ) -> Result<bool, OciError> {
        let digests: BTreeSet<&str> =
            doomed.filter_map(|tag| Some(manifests.get(tag)?.digest.as_str())).collect();
        let images: Vec<_> = digests.into_iter().filter(|digest| self.unread.remove(*digest)).collect();
        if images.is_empty() {
            return Ok(false);
        }
        cx.now(format!("reading times of {} images that would be deleted", images.len()));
        let mut found: BTreeMap<&str, Age> = BTreeMap::new();
        for some in images.chunks(PREPARED) {
            let mut reads: Vec<BoxFuture<'_, Result<_, OciError>>> = Vec::new();
            for &digest in some {
                reads.push(async move { Ok((digest, youngest(reader, manifests, digest).await?)) }.boxed());
            }
            let mut reads = stream::iter(reads).buffer_unordered(AT_A_TIME);
            while let Some((digest, age)) = reads.try_next().await? {
                found.insert(digest, age);
            }
        }
        for (tag, age) in &mut self.by_tag {
            let digest = manifests.get(tag).map_or("", |image| image.digest.as_str());
            *age = match found.get(digest) {
                Some(Age::Since(made)) if self.is_pushed => younger(*age, Age::Since(*made)),
                Some(made) if !self.is_pushed => *made,
                _ => *age,
            };
        }
        Ok(true)
    }
}

/// The age of the youngest platform, unless one of them does not tell its age.
async fn youngest(reader: &TagReader<'_>, manifests: &Manifests, digest: &str) -> Result<Age, OciError> {
    let Some(image) = manifests.by_digest(digest) else { return Ok(Age::Unknown) };
    match reader.created_each(image).await {
        Ok(times) => Ok(times.into_iter().map(age).reduce(younger).unwrap_or(Age::Unknown)),
        Err(OciError::Unexpected { .. }) => Ok(Age::Unknown),
        Err(error) => Err(error),
    }
}

fn younger(one: Age, other: Age) -> Age {
    match (one, other) {
        (Age::Since(one), Age::Since(other)) => Age::Since(one.max(other)),
        (Age::Since(_), odd) | (odd, _) => odd,
    }
}

fn age(time: Option<Created>) -> Age {
    match time {
        Some(time) if time.may_be_given() => Age::Given,
        Some(time) => Age::Since(time.0),
        None => Age::Unknown,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_image_is_as_old_as_its_youngest_platform() {
        let since = |second| Age::Since(jiff::Timestamp::from_second(second).unwrap());
        assert_eq!([since(1), since(3), since(2)].into_iter().reduce(younger), Some(since(3)));
        for odd in [Age::Given, Age::Unknown] {
            assert_eq!([younger(since(1), odd), younger(odd, since(1))], [odd; 2]);
        }
    }
}
