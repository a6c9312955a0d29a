//! Deletes single tags, whose images stay under other ones.

use std::collections::HashMap;

use super::super::super::context::Cx;
use super::super::planned::Planned;
use super::{Applying, enter};
use crate::oci::{Deleted, OciError};
use crate::outcome::StepError;

/// The tags that stay, by the digest that they named when the plan was made.
pub(super) fn kept(planned: &Planned) -> HashMap<&str, Vec<&str>> {
    let mut kept: HashMap<&str, Vec<&str>> = HashMap::new();
    for tag in planned.plan.kept.keys() {
        if let Some(image) = planned.manifests.get(tag) {
            kept.entry(&image.digest).or_default().push(tag);
        }
    }
    kept
}

impl Applying<'_, '_> {
    /// Deletes a tag whose image stays.
    pub(super) async fn tag(&mut self, tag: &str, digest: &str, cx: &Cx) -> Result<(), StepError> {
        let why = match self.reader.digest_of(tag).await? {
            Some(found) if found != digest => "stays, because it moved meanwhile",
            Some(_) if !self.is_kept(digest).await? => {
                "stays, because no tag that stays names its image any more"
            }
            _ => return self.untag(tag, digest, cx).await,
        };
        self.leave(&[tag.to_owned()], why);
        Ok(())
    }

    /// Whether a tag that stays still names `digest`.
    async fn is_kept(&self, digest: &str) -> Result<bool, OciError> {
        for tag in self.kept.get(digest).into_iter().flatten() {
            if self.reader.digest_of(tag).await?.as_deref() == Some(digest) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn untag(&mut self, tag: &str, digest: &str, cx: &Cx) -> Result<(), StepError> {
        let _permit = enter(cx)?;
        match self.deleter.delete(tag).await? {
            Deleted::Unsupported => {
                let why =
                    "stays: its image has another tag that stays, and this registry deletes no single tags";
                self.leave(&[tag.to_owned()], why);
                Ok(())
            }
            Deleted::Now => {
                self.done.deleted.push(tag.to_owned());
                self.check_stays(tag, digest).await
            }
            // Somebody else deleted it, perhaps with its image: this registry need not have done so.
            Deleted::Before => {
                self.done.deleted.push(tag.to_owned());
                Ok(())
            }
        }
    }

    /// Checks that `tag` was deleted alone, as the specification wants it.
    async fn check_stays(&self, tag: &str, digest: &str) -> Result<(), StepError> {
        match self.reader.digest_of(digest).await? {
            Some(_) => Ok(()),
            None => Err(StepError::user(format!(
                "registry {} deleted image {digest} with its tag {tag}, although other tags name it; push the image again. Keep all tags \
                 of one image or none with this registry",
                self.step.image.image.registry()
            ))),
        }
    }
}
