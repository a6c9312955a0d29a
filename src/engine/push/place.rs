//! One target of a copy, and what its tags name.

use super::super::context::Cx;
use crate::oci::{Auth, CopyProgress, CopyTarget, ImageRef, OciError, Registry, SourceImage};
use crate::outcome::StepError;
use crate::step::{Push, PushTarget};

/// The logins of both sides.
pub(super) struct Logins {
    pub(super) source: Auth,
    pub(super) target: Auth,
}

/// A target, and what its tags name so far.
pub(super) struct Place<'a> {
    pub(super) written: &'a PushTarget,
    pub(super) target: CopyTarget<'a>,
    pub(super) tags: Vec<(&'a str, Option<String>)>,
}

/// The target `n`, which takes blobs from the source or an earlier target if they are in the same registry.
pub(super) async fn place<'a>(
    registry: &'a Registry,
    push: &'a Push,
    n: usize,
    logins: &'a Logins,
    cx: &Cx,
) -> Result<Place<'a>, OciError> {
    let written = &push.targets[n];
    let image = &written.repository.image;
    let target = registry.copy_target(image, &logins.target, written.repository.insecure, cx.deadline)?;
    let earlier = push.targets[..n].iter().map(|earlier| &earlier.repository.image);
    let others = std::iter::once(&push.source.image).chain(earlier);
    let beside = |other: &&ImageRef| other.registry() == image.registry() && other.name() != image.name();
    let mut target = match others.into_iter().find(beside) {
        Some(other) => target.mounting_from(other),
        None => target,
    };
    let mut tags = Vec::new();
    for tag in &written.tags {
        tags.push((tag.as_str(), target.digest_of(tag).await?));
    }
    Ok(Place { written, target, tags })
}

impl<'a> Place<'a> {
    /// Checks that every tag is free, or names the image already.
    pub(super) fn check_free(&self, digest: &str) -> Result<(), StepError> {
        let taken = self
            .tags
            .iter()
            .find_map(|(tag, has)| has.as_deref().filter(|has| *has != digest).map(|has| (*tag, has)));
        taken.map_or(Ok(()), |(tag, has)| Err(self.taken(tag, has, digest)))
    }

    pub(super) fn taken(&self, tag: &str, has: &str, digest: &str) -> StepError {
        let name = self.written.repository.image.name();
        StepError::user(format!(
            "tag {name}:{tag} is {has} already, and `only-if-absent` keeps it from being moved to {digest}; choose another tag, \
             or leave out `only-if-absent`"
        ))
    }

    /// Copies what is missing. Returns whether a target without tags got the image.
    pub(super) async fn fill(
        &mut self,
        source: &SourceImage<'a>,
        referrers: bool,
        progress: &CopyProgress,
        cx: &Cx,
    ) -> Result<bool, StepError> {
        let digest = source.digest();
        let is_tagged = !self.tags.is_empty();
        if is_tagged && self.tags.iter().all(|(_, has)| has.as_deref() == Some(digest)) {
            return Ok(false);
        }
        cx.now(format!("copying {digest} to {}", self.written.repository.image.name()));
        let is_new = self.target.fill(source, is_tagged && !referrers, progress).await?;
        Ok(is_new && !is_tagged)
    }
}
