//! Builds each platform on a daemon that is for it, where no one daemon is for all of them, and writes the index of the image.
//!
//! Each platform has its own solve, name, place, log and line of progress, and is pushed by its digest. The tags are set when all platforms
//! are pushed. If one fails, the others are cancelled. A solve frees its place when it ends: if builds held one place while waiting for
//! another, two of them could wait for each other for ever.

mod joined;
mod publish;
mod request;

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join_all, try_join_all};
use tokio::time::timeout;
use tracing::{Instrument as _, info_span};

use super::super::Engine;
use super::super::context::Cx;
use super::part::{BuiltPart, Explained, Explanation, Part, Work};
use super::place::Place;
use super::report::Cache;
use super::search::Name;
use super::solve::Built;
use super::whole::Done;
use super::{cache, log};
use crate::buildkit::{BuildLog, Solve, Transcript};
use crate::outcome::{Fault, StepError};
use crate::pool::Wanted;
use crate::step::Build;
use crate::step::build::Platform;

/// The most platforms that are built this way. All are built at the same time, and each solve has a copy of what the build may mount.
const MOST: usize = 8;

/// How long the export of a cache waits for a place at its daemon.
const EXPORT_PLACE: Duration = Duration::from_secs(60);

/// Whether each platform is built on its own.
///
/// # Errors
/// The step cannot be built this way.
pub(super) async fn is_needed(
    engine: &Engine,
    build: &Build,
    wanted: &Wanted,
    cx: &Cx,
) -> Result<bool, StepError> {
    if !engine.pool.is_divided(&wanted.platforms, |line| cx.now(line)).await {
        return Ok(false);
    }
    let together =
        "no single buildkitd builds for all `platforms` of this step, so each platform is built on its own";
    if !build.push {
        return Err(StepError::user(format!(
            "{together}, and only a registry can hold the image that joins them; set `push: true`, or give each platform a step of its own"
        )));
    }
    // Each exporter writes its names into the attestations, so one platform would have a digest for each kind of registry.
    let insecure = build.tags.iter().filter(|tag| tag.insecure).count();
    if build.attest.is_any() && insecure > 0 && insecure < build.tags.len() {
        return Err(StepError::user(format!(
            "{together}, and `attest` names the image differently for secure and insecure registries; use one kind of registry in `tags`, and copy the image to the other with a step `push`"
        )));
    }
    let count = build.platforms.len();
    if count > MOST {
        return Err(StepError::user(format!(
            "{together}; at most {MOST} platforms can be built this way, and this step names {count}; remove some, or split the step"
        )));
    }
    Ok(true)
}

/// Builds what `whole` says.
pub(super) async fn run(work: Work<'_>, whole: &Solve, wanted: &Wanted) -> Result<Done, StepError> {
    let Work { engine, build, inputs, cx } = work;
    let parts = PlatformPart::all(work, wanted);
    let solving = parts.iter().map(|part| {
        let solved = part.solve(work, whole);
        async move { solved.await.map_err(|error| (part, error)) }.boxed()
    });
    let built = match try_join_all(solving).await {
        Ok(built) => built,
        Err((part, error)) => {
            // The others are cancelled by now.
            parts.iter().for_each(|part| part.place.end());
            return Err(Box::pin(log::keep(engine, build, inputs, &part.transcript, error, cx)).await);
        }
    };
    let (built, explanations): (Vec<_>, Vec<_>) = built.into_iter().map(BuiltPart::into_parts).unzip();
    let children = parts.iter().zip(&built).map(|(part, built)| child(part.platform, built));
    let children = children.collect::<Result<Vec<_>, _>>()?;
    let index = Box::pin(publish::run(work, &children)).await?;
    let solved = joined::solved(build, &index, &children, &built);
    let kept = kept(&parts, &built);
    let logging = async {
        let explained = explain(work, &parts, &built, explanations).await;
        let log = log::attach(engine, build, inputs, &solved, kept, &explained, cx).await;
        (log, explained.miss)
    };
    let export = cache::timed(Box::pin(export(work, &parts, &built)));
    let ((exported, wrote), (log, miss)) = tokio::join!(export, Box::pin(logging));
    Ok(Done { solved, left_out: joined::left_out(&built), log, exported, wrote, miss })
}

/// The part of a build for one platform.
struct PlatformPart<'a> {
    platform: &'a Platform,
    cx: Cx,
    wanted: Wanted,
    place: Place,
    transcript: Transcript,
}

impl<'a> PlatformPart<'a> {
    fn all(work: Work<'a>, wanted: &Wanted) -> Vec<Self> {
        let contexts = work.cx.side_by_side(&wanted.platforms);
        let part = |(platform, cx): (&'a Platform, Cx)| Self {
            platform,
            // The same service: its next build finds the cache of this platform.
            wanted: Wanted { key: wanted.key.clone(), platforms: vec![platform.to_string()] },
            place: Place::default(),
            transcript: log::transcript(work.engine, work.build, &cx),
            cx,
        };
        work.build.platforms.iter().zip(contexts).map(part).collect()
    }

    async fn solve<'b>(&'b self, work: Work<'b>, whole: &Solve) -> Result<BuiltPart<'b>, StepError> {
        let Self { platform, cx, wanted, place, transcript } = self;
        let work = Work { cx, ..work };
        let solving = async {
            let request = request::of(work, whole, platform);
            transcript.say(&format!("building for {platform}"));
            let name = Name::new(cx, &work.inputs.sha).of_platform(platform);
            let built = Part { work, wanted, place, transcript }.solve(request, name, None).await;
            place.end();
            built
        };
        let span = info_span!("solve", otel.name = %platform, build.platform = %platform);
        let built = Box::pin(solving.instrument(span)).await;
        let named =
            |error: StepError| StepError { message: format!("{platform}: {}", error.message), ..error };
        let built = built.map_err(named)?;
        cx.now("built");
        Ok(built)
    }
}

/// The platform and the digest of what was built for it.
fn child(platform: &Platform, built: &Built) -> Result<(String, String), StepError> {
    let digest = built.solved.digest.clone().ok_or_else(|| {
        let why = format!("buildkitd built {platform}, but its answer has no digest; please report it");
        StepError::new(Fault::Ours, why)
    })?;
    Ok((platform.to_string(), digest))
}

/// The logs of all platforms, unless all steps were cached.
fn kept(parts: &[PlatformPart<'_>], built: &[Built]) -> Option<BuildLog> {
    if built.iter().all(Built::is_cached) {
        return None;
    }
    BuildLog::of_several(parts.iter().filter_map(|part| part.transcript.log()))
}

/// Exports the caches of each platform from the daemon that has its layers. Its place was given back, so it waits for another one: an export
/// runs steps again if what they read has changed meanwhile.
async fn export(work: Work<'_>, parts: &[PlatformPart<'_>], built: &[Built]) -> Result<Cache, StepError> {
    let exports = parts.iter().zip(built).map(|(part, built)| {
        async move {
            let mut exports = work.inputs.exports.iter();
            if !exports.any(|target| target.platform.as_ref() == Some(part.platform)) {
                return Ok(Cache::None);
            }
            let entering = work.engine.pool.enter_at(&part.wanted, &built.member);
            let Ok(_place) = timeout(EXPORT_PLACE, entering).await else {
                let (platform, daemon) = (part.platform, &built.member.name);
                let seconds = EXPORT_PLACE.as_secs();
                return Ok(Cache::Failed(format!(
                    "the cache for {platform} was not exported: {daemon} had no free place for {seconds} s"
                )));
            };
            cache::export(Work { cx: &part.cx, ..work }, built, Some(part.platform)).await
        }
        .boxed()
    });
    let mut all = Cache::None;
    for one in join_all(exports).await {
        all = all.and(one?);
    }
    Ok(all)
}

/// Why a step of the first platform of which that is known was not cached.
async fn explain(
    work: Work<'_>,
    parts: &[PlatformPart<'_>],
    built: &[Built],
    explanations: Vec<Explanation<'_>>,
) -> Explained {
    let Work { build, inputs, .. } = work;
    let each = parts.iter().zip(built).zip(explanations).map(|((part, built), explanation)| {
        async move {
            let why = explanation.of(build, inputs, built).await.miss;
            (!why.is_empty()).then(|| format!("{}: {why}", part.platform))
        }
        .boxed()
    });
    let miss = join_all(each).await.into_iter().flatten().next().unwrap_or_default();
    // The daemon's history has no index of several solves.
    Explained { miss, previous: None }
}
