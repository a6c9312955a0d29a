//! Carries a plan out. Whatever has changed since the plan was made is left alone.

mod changes;
mod image;
mod single;

use std::collections::{HashMap, HashSet};

use super::super::Engine;
use super::super::context::Cx;
use super::in_use;
use super::plan;
use super::planned::Planned;
use crate::oci::{Auth, Registry, TagDeleter, TagReader};
use crate::outcome::StepError;
use crate::step::Tags;

/// How many images or single tags are deleted before all tags are read again; more if there are very many tags.
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
    /// The tags that stay, by digest.
    kept: HashMap<&'a str, Vec<&'a str>>,
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
    let mut applying = Applying {
        step,
        planned,
        reader,
        deleter,
        kept: single::kept(planned),
        needed: planned.plan.needed.clone(),
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
        let tell = |done: &Done| cx.now(format!("deleting: {} of {total} tags", done.deleted.len()));
        let batch = BATCH.max(planned.tags.len() / READ_AGAIN);
        for images in planned.plan.images.chunks(batch) {
            self.check(engine, cx).await?;
            for image in images {
                tell(&self.done);
                self.image(image, cx).await?;
            }
        }
        for tags in planned.plan.tags.chunks(batch) {
            self.check(engine, cx).await?;
            for (tag, digest) in tags {
                tell(&self.done);
                self.tag(tag, digest, cx).await?;
            }
        }
        Ok(())
    }

    /// Stops if a branch has moved. Keeps what tags name that are new, or have moved.
    async fn check(&mut self, engine: &Engine, cx: &Cx) -> Result<(), StepError> {
        in_use::check_unmoved(engine, &self.planned.branches, cx).await?;
        self.see_changes().await
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

/// A permit to delete something. A stop waits for it as for a push, and not for what is read before. None is given after a stop.
fn enter(cx: &Cx) -> Result<impl Sized + use<>, StepError> {
    in_time(cx)?;
    cx.gate
        .enter()
        .ok_or_else(|| StepError::transient("the step was stopped; the other tags stay, run it again"))
}

/// Checks that the step's time is not over before the next answer.
fn in_time(cx: &Cx) -> Result<(), StepError> {
    match cx.is_late() {
        true => Err(StepError::transient("the step's time is over; the other tags stay, run it again")),
        false => Ok(()),
    }
}
