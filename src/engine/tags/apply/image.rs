//! Deletes an image with all its tags, what is below it, and what is about it.

use tracing::info;

use super::super::super::context::Cx;
use super::super::plan::{self, Doomed};
use super::super::readable;
use super::{Applying, enter, in_time};
use crate::oci::{Deleted, OciError};
use crate::outcome::StepError;
use crate::step::tags::is_for_digest;

impl Applying<'_, '_> {
    /// Deletes an image with all its tags and what is below it, unless one of the tags has moved or something new needs it.
    pub(super) async fn image(&mut self, image: &Doomed, cx: &Cx) -> Result<(), StepError> {
        let Doomed { digest, tags, below } = image;
        if self.stays(image).await? {
            return Ok(());
        }
        // A stop waits for the whole image: nothing else would delete what is below it later.
        let _permit = enter(cx)?;
        let about = self.referrers(digest).await?;
        if !self.manifest(digest).await? {
            return Ok(());
        }
        info!(image.digest = %digest, "deleted {} of {}", tags.join(", "), self.step.image.image.name());
        self.done.deleted.extend(tags.iter().cloned());
        // A list of referrers is anybody's, and may name what is about something else.
        let is_list = tags.iter().all(|tag| is_for_digest(tag));
        for below in below {
            in_time(cx)?;
            if !self.may_go(below, is_list).await? {
                continue;
            }
            let more = self.referrers(below).await?;
            if self.manifest(below).await? {
                self.about(more, cx).await?;
            }
        }
        self.about(about, cx).await
    }

    /// Whether an image stays although its deletion was planned. What it needs stays with it then.
    async fn stays(&mut self, image: &Doomed) -> Result<bool, StepError> {
        let Doomed { digest, tags, .. } = image;
        // What is about an image that is still there stays with it.
        if tags.iter().filter_map(|tag| plan::subject(tag)).any(|of| !self.gone.contains(&of)) {
            self.leave(tags, "stays, because what it is about is still there");
            self.keep(digest);
            return Ok(true);
        }
        let mut moved = Vec::new();
        for tag in tags {
            if self.reader.digest_of(tag).await?.is_some_and(|found| found != *digest) {
                moved.push(tag.clone());
            }
        }
        if let Some(tag) = moved.first() {
            self.leave(tags, &format!("stays, because tag {tag} moved meanwhile"));
            self.keep(digest);
            self.protect(&moved).await?;
            return Ok(true);
        }
        if self.needed.contains(digest) {
            self.leave(tags, "is needed by a tag that was set meanwhile, or by an image that stays");
            return Ok(true);
        }
        Ok(false)
    }

    /// The referrers of `digest`, if the registry keeps lists of them.
    async fn referrers(&mut self, digest: &str) -> Result<Vec<String>, OciError> {
        if !self.has_lists {
            return Ok(Vec::new());
        }
        let listed = self.deleter.referrers(digest).await?;
        self.has_lists = listed.is_some();
        Ok(listed.unwrap_or_default())
    }

    /// Deletes what is about something that is gone.
    async fn about(&mut self, digests: Vec<String>, cx: &Cx) -> Result<(), StepError> {
        for digest in digests {
            in_time(cx)?;
            if self.may_go(&digest, true).await? {
                self.manifest(&digest).await?;
            }
        }
        Ok(())
    }

    /// Whether `digest` is about something that is gone, or, unless it `must` be so, about nothing.
    async fn may_go(&self, digest: &str, must: bool) -> Result<bool, StepError> {
        if self.needed.contains(digest) || self.gone.contains(digest) {
            return Ok(false);
        }
        // What cannot be read says nothing, and stays.
        let Ok(Some(found)) = readable(self.reader.manifest(digest).await)? else { return Ok(false) };
        Ok(found.subject.map_or(!must, |subject| self.gone.contains(&subject)))
    }

    /// Deletes a manifest, unless something needs it. Returns whether it is gone.
    async fn manifest(&mut self, digest: &str) -> Result<bool, StepError> {
        if self.needed.contains(digest) {
            return Ok(false);
        }
        let deleted = self.deleter.delete(digest).await?;
        // Some registries say of a deletion that they do not know that there is nothing. What is below it must stay with it then.
        let is_there = deleted == Deleted::Before && self.reader.digest_of(digest).await?.is_some();
        if deleted == Deleted::Unsupported || is_there {
            return Err(self.unsupported());
        }
        self.done.manifests += usize::from(deleted == Deleted::Now);
        self.gone.insert(digest.to_owned());
        Ok(true)
    }
}
