//! The order of a copy: read the source and the tags, copy what is missing everywhere, move the tags.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use super::super::Engine;
use super::super::context::Cx;
use super::place::{Logins, Place, place};
use super::tags;
use crate::oci::{CopiedReferrers, CopyProgress, OciError, Registry, SourceImage};
use crate::outcome::StepError;
use crate::step::Push;

/// How many targets are asked at a time for what their tags name.
const TARGETS: usize = 8;

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
