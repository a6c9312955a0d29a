//! Carries a plan out. Whatever has changed since the plan was made is left alone.

mod changes;

use std::collections::HashSet;

use tracing::info;

use super::super::Engine;
use super::super::context::Cx;
use super::plan::{self, Doomed};
use super::planned::Planned;
use super::{in_use, readable};
use crate::oci::{Auth, Deleted, OciError, Registry, TagDeleter, TagReader};
use crate::outcome::StepError;
use crate::step::Tags;
use crate::step::tags::is_for_digest;

/// How many images are deleted before all tags are read again; more if there are very many tags.
const BATCH: usize = 10;
/// How often all tags are read again, if there are very many.
const READ_AGAIN: usize = 20;

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The tags that are gone.
    pub(super) deleted: Vec<String>,
    /// The number of manifests that are gone.
    pub(super) manifests: usize,
    /// Why planned tags are still there, a sentence each.
    pub(super) left: Vec<String>,
    /// What stopped the rest.
    pub(super) error: Option<StepError>,
}

/// The state of a plan that is carried out.
struct Applying<'a, 'r> {
    step: &'a Tags,
    planned: &'a Planned,
    reader: &'a mut TagReader<'r>,
    deleter: TagDeleter<'r>,
    /// What must stay, with what was tagged since.
    needed: HashSet<String>,
    /// The digests that are gone.
    gone: HashSet<String>,
    /// Whether the registry keeps lists of referrers.
    has_lists: bool,
    done: Done,
}

pub(super) async fn run<'r>(
    (engine, registry): (&Engine, &'r Registry),
    step: &'r Tags,
    planned: &Planned,
    reader: &mut TagReader<'r>,
    auth: &'r Auth,
    cx: &Cx,
) -> Done {
    let image = &step.image;
    let deleter = match registry.tag_deleter(&image.image, auth, image.insecure, cx.deadline) {
        Ok(deleter) => deleter,
        Err(error) => return Done { error: Some(error.into()), ..Done::default() },
    };
    let needed = planned.plan.needed.clone();
    let mut applying = Applying {
        step,
        planned,
        reader,
        deleter,
        needed,
        gone: HashSet::new(),
        has_lists: true,
        done: Done::default(),
    };
    let error = applying.all(engine, cx).await.err();
    Done { error, ..applying.done }
}

impl Applying<'_, '_> {
    async fn all(&mut self, engine: &Engine, cx: &Cx) -> Result<(), StepError> {
        let planned = self.planned;
        let total = planned.plan.doomed_tags().count();
        for batch in planned.plan.images.chunks(BATCH.max(planned.tags.len() / READ_AGAIN)) {
            // Each batch is a push: a stop waits for it, and none begins after a stop.
            let _permit = self.enter(cx)?;
            in_use::check_unmoved(engine, &planned.branches, cx).await?;
            self.see_changes().await?;
            for image in batch {
                cx.now(format!("deleting: {} of {total} tags", self.done.deleted.len()));
                self.image(image).await?;
            }
        }
        let _permit = self.enter(cx)?;
        for (tag, digest) in &planned.plan.tags {
            self.tag(tag, digest).await?;
        }
        Ok(())
    }

    fn enter(&self, cx: &Cx) -> Result<impl Sized + use<>, StepError> {
        cx.gate.enter().ok_or_else(|| StepError::transient("the step was stopped; the other tags stay"))
    }

    /// Deletes an image with all its tags and what is below it, unless one of the tags has moved or something new needs it.
    async fn image(&mut self, image: &Doomed) -> Result<(), StepError> {
        let Doomed { digest, tags, below } = image;
        // What is about an image that is still there stays with it.
        if tags.iter().filter_map(|tag| plan::subject(tag)).any(|of| !self.gone.contains(&of)) {
            self.keep(digest);
            return Ok(());
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
            return self.protect(&moved).await;
        }
        if self.needed.contains(digest) {
            self.leave(tags, "is needed by a tag that was set meanwhile");
            return Ok(());
        }
        let about = self.referrers(digest).await?;
        if !self.manifest(digest).await? {
            return Ok(());
        }
        info!(image.digest = %digest, "deleted {} of {}", tags.join(", "), self.step.image.image.name());
        self.done.deleted.extend(tags.iter().cloned());
        // A list of referrers is anybody's, and may name what is about something else.
        let is_list = tags.iter().all(|tag| is_for_digest(tag));
        for below in below {
            if !self.may_go(below, is_list).await? {
                continue;
            }
            let more = self.referrers(below).await?;
            if self.manifest(below).await? {
                self.about(more).await?;
            }
        }
        self.about(about).await
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
    async fn about(&mut self, digests: Vec<String>) -> Result<(), StepError> {
        for digest in digests {
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
        if deleted == Deleted::Unsupported {
            return Err(self.unsupported());
        }
        self.done.manifests += usize::from(deleted == Deleted::Now);
        self.gone.insert(digest.to_owned());
        Ok(true)
    }

    /// Deletes a tag whose image stays.
    async fn tag(&mut self, tag: &str, digest: &str) -> Result<(), StepError> {
        match self.reader.digest_of(tag).await? {
            Some(found) if found != digest => {
                self.leave(&[tag.to_owned()], "stays, because it moved meanwhile")
            }
            _ => match self.deleter.delete(tag).await? {
                Deleted::Unsupported => self.leave(
                    &[tag.to_owned()],
                    "stays: its image has another tag that stays, and this registry deletes no single tags",
                ),
                _ => {
                    self.done.deleted.push(tag.to_owned());
                    self.check_stays(tag, digest).await?;
                }
            },
        }
        Ok(())
    }

    /// Checks that `tag` was deleted alone, as the specification wants it.
    async fn check_stays(&self, tag: &str, digest: &str) -> Result<(), StepError> {
        match self.reader.digest_of(digest).await? {
            Some(_) => Ok(()),
            None => Err(StepError::user(format!(
                "registry {} deleted image {digest} with its tag {tag}, although other tags name it; push the image again. Keep all tags                  of one image or none with this registry",
                self.step.image.image.registry()
            ))),
        }
    }

    /// Keeps all that `digest` needs. An image that stays although its deletion was planned is whole only with what other planned
    /// images share with it.
    fn keep(&mut self, digest: &str) {
        let needed = plan::needed(&self.planned.manifests, std::iter::once(digest));
        self.needed.extend(needed.into_iter().map(str::to_owned));
    }

    fn leave(&mut self, tags: &[String], why: &str) {
        self.done.left.push(format!("{} {why}", tags.join(", ")));
    }

    fn unsupported(&self) -> StepError {
        StepError::user(format!(
            "registry {} does not delete: it is read-only, or deletes are switched off. For Docker's registry, set \
             REGISTRY_STORAGE_DELETE_ENABLED=true and end its read-only maintenance; for others, use their own retention",
            self.step.image.image.registry()
        ))
    }
}
