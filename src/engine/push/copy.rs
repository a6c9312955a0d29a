//! The order of a copy: read the source and the tags, copy what is missing everywhere, move the tags.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use super::super::Engine;
use super::super::context::Cx;
use super::tags;
use crate::oci::{
    Auth, CopiedReferrers, CopyProgress, CopyTarget, ImageRef, OciError, Registry, SourceImage,
};
use crate::outcome::StepError;
use crate::step::{Push, PushTarget};

/// How many targets are asked at a time for what their tags name.
const TARGETS: usize = 8;

/// The logins of both sides.
pub(super) struct Logins {
    pub(super) source: Auth,
    pub(super) target: Auth,
}

/// What a copy has done.
pub(super) struct Copied {
    /// The digest that the source's name meant.
    pub(super) resolved: String,
    /// The digest that the targets have.
    pub(super) digest: String,
    pub(super) dropped: Vec<String>,
    /// The number of signatures, attestations and SBOMs at the source.
    pub(super) referrers: usize,
    /// Whether a tag moved, or a target without tags got the image.
    pub(super) is_changed: bool,
    pub(super) warnings: Vec<String>,
}

/// A target, and what its tags name so far.
pub(super) struct Place<'a> {
    pub(super) written: &'a PushTarget,
    pub(super) target: CopyTarget<'a>,
    pub(super) tags: Vec<(&'a str, Option<String>)>,
}

pub(super) async fn run(
    engine: &Engine,
    registry: &Registry,
    push: &Push,
    logins: &Logins,
    progress: &CopyProgress,
    cx: &Cx,
) -> Result<Copied, StepError> {
    let reference = &push.source;
    let source = registry.source_image(&reference.image, &logins.source, reference.insecure, cx.deadline);
    let mut places: Vec<BoxFuture<'_, Result<Place<'_>, OciError>>> = Vec::new();
    for n in 0..push.targets.len() {
        places.push(place(registry, push, n, logins, cx).boxed());
    }
    let places: BoxFuture<'_, Result<Vec<_>, OciError>> =
        stream::iter(places).buffered(TARGETS).try_collect().boxed();
    let (source, places) = tokio::join!(source, places);
    // An error of the source is told first.
    let (mut source, mut places) = (source?, places?);
    if engine.tenancy.is_shared() {
        source = source.from_public_stores();
    }
    if push.referrers {
        source = source.with_referrers();
    }
    check_digest(push, &source)?;
    let dropped = match push.platforms.as_slice() {
        [] => Vec::new(),
        wanted => source.keep(&wanted.iter().map(ToString::to_string).collect::<Vec<_>>())?,
    };
    if push.only_if_absent {
        places.iter().try_for_each(|place| place.check_free(source.digest()))?;
    }
    let mut is_changed = false;
    for place in &mut places {
        is_changed |= place.fill(&source, push.referrers, progress, cx).await?;
    }
    let mut referrers = CopiedReferrers::default();
    if push.referrers {
        for place in &mut places {
            cx.now(format!("copying what refers to {}", source.digest()));
            referrers = place.target.copy_referrers(&source, progress).await?;
        }
    }
    is_changed |= tags::move_all(&mut places, push, &source, cx).await?;
    let (resolved, digest) = (source.resolved().to_owned(), source.digest().to_owned());
    let warnings = warnings(&source, &referrers.missing);
    Ok(Copied { resolved, digest, dropped, referrers: referrers.count, is_changed, warnings })
}

/// The target `n`, which takes blobs from the source or an earlier target if they are in the same registry.
async fn place<'a>(
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
    fn check_free(&self, digest: &str) -> Result<(), StepError> {
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
    async fn fill(
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

fn check_digest(push: &Push, source: &SourceImage<'_>) -> Result<(), StepError> {
    match &push.expect_digest {
        Some(expected) if expected != source.resolved() => Err(StepError::user(format!(
            "image {} is {}, and `expect-digest` is {expected}; its tag has moved, or the wrong image is named",
            push.source.image,
            source.resolved()
        ))),
        _ => Ok(()),
    }
}

fn warnings(source: &SourceImage<'_>, missing: &(usize, Option<String>)) -> Vec<String> {
    let foreign = match source.foreign() {
        0 => None,
        count => Some(format!(
            "{count} layers may not be distributed (their media type says so), and stay where the manifest says that they are"
        )),
    };
    let (count, first) = missing;
    let missing = first.as_ref().map(|first| {
        format!("{count} signatures, attestations or SBOMs are listed at the source and are not there, such as {first}")
    });
    foreign.into_iter().chain(missing).collect()
}
