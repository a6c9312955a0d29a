//! `cache.warm`: pulls images into the daemon's cache, and extracts them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use backon::Retryable as _;
use futures_util::future::join_all;
use tracing::Span;
use uuid::Uuid;

use super::super::context::Cx;
use super::super::{Engine, build};
use super::targets::{Image, MOST, Target, Targets};
use super::warm_report::{Pulled, Report};
use crate::buildkit::{BuildError, BuildErrorKind, Buildkit, ImagePull, READ_IMAGES, Session, Solve, Solved};
use crate::oci::{Auth, PullAnswers};
use crate::outcome::{Fault, StepError, Success};
use crate::pool::Member;
use crate::step::{Build, SecretKey, Warm};
use crate::telemetry;
use crate::time_limits::pauses;

pub(super) async fn run(engine: &Engine, warm: &Warm, cx: &Cx) -> Result<Success, StepError> {
    let mut report = Report::default();
    let mut targets = Targets::named(warm);
    read_all(engine, &warm.dockerfiles, &mut targets, &mut report, cx).await?;
    let (targets, is_cut) = targets.all();
    if is_cut {
        report
            .warnings
            .push(format!("only the first {MOST} images are pulled, which is the most for one step"));
    }
    pull_all(engine, targets, &mut report, cx).await?;
    report.ended()
}

/// Adds the images that the Dockerfiles read. A Dockerfile that cannot be read goes into the report, and the next one is read.
async fn read_all(
    engine: &Engine,
    dockerfiles: &[Build],
    targets: &mut Targets,
    report: &mut Report,
    cx: &Cx,
) -> Result<(), StepError> {
    if dockerfiles.is_empty() {
        return Ok(());
    }
    if let Some(why) = too_old(engine).await? {
        report.refused.push(why);
        return Ok(());
    }
    let mut away = BTreeSet::new();
    for (nth, dockerfile) in dockerfiles.iter().enumerate() {
        let (repo, count) = (&dockerfile.context.repo, dockerfiles.len());
        let at = |message: &str| format!("cache.warm.dockerfiles[{nth}], {repo}: {message}");
        if away.contains(&repo.host_port()) {
            report.away.push(at("its server was away a moment ago"));
            continue;
        }
        cx.now(format!("reading the Dockerfile of {repo} ({}/{count})", nth + 1));
        match Box::pin(build::images::of(engine, dockerfile, cx)).await {
            Ok(images) => {
                if images.len() >= READ_IMAGES {
                    report.warnings.push(at(&format!("only the first {READ_IMAGES} images are looked at")));
                }
                targets.add(images, dockerfile);
            }
            Err(error) if is_foreign(&error, dockerfile) => report.warnings.push(at(&format!(
                "{}; it cannot be read for other platforms alone, so name its images in `cache.warm.images`",
                error.message
            ))),
            Err(error) if error.fault == Fault::User => report.refused.push(at(&error.message)),
            Err(error) if error.fault == Fault::Transient => {
                away.insert(repo.host_port());
                report.away.push(at(&error.message));
            }
            Err(error) => return Err(report.stopped(StepError::new(error.fault, at(&error.message)))),
        }
    }
    Ok(())
}

/// Whether the frontend could not read a Dockerfile for the daemon's own platform, and the build is for others.
fn is_foreign(error: &StepError, dockerfile: &Build) -> bool {
    let says = |words: &str| error.message.contains(words);
    !dockerfile.platforms.is_empty() && (says("no match for platform") || says("no matching manifest"))
}

/// Why a daemon cannot tell which images a Dockerfile reads; `None` if all can. Without this check, each would seem to read none. The error
/// is that of a daemon, if none answers.
async fn too_old(engine: &Engine) -> Result<Option<String>, StepError> {
    let asked = engine.pool.ask_all(|daemon| async move {
        (|| daemon.describe()).retry(pauses::few()).when(BuildError::is_away).await
    });
    let (mut answered, mut failed) = (false, None);
    for (member, told) in asked.await.map_err(super::failed)? {
        match told {
            Ok(told) if told.asks_about_images() == Some(false) => {
                return Ok(Some(format!(
                    "buildkitd {} at {} does not tell which images a Dockerfile reads; use v0.26 or newer, or name them in `cache.warm.images`",
                    told.version,
                    member.daemon.place()
                )));
            }
            Ok(_) => answered = true,
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if !answered => Err(super::failed(error)),
        _ => Ok(None),
    }
}

/// Pulls the images one after the other, each into all daemons at once. If a registry is away, its other images are left out; so is a
/// daemon, unless it is the last one.
async fn pull_all(
    engine: &Engine,
    targets: Vec<Target>,
    report: &mut Report,
    cx: &Cx,
) -> Result<(), StepError> {
    let (mut logins, mut away) = (Vec::new(), BTreeSet::new());
    let count = targets.len();
    let mut members = match count {
        0 => return Ok(()),
        _ => engine.pool.members().await.map_err(|error| report.stopped(super::failed(error)))?,
    };
    for (nth, target) in targets.into_iter().enumerate() {
        let registry = target.image.image.registry().to_owned();
        if away.contains(&registry) {
            report.away.push(format!("{}: its registry was away a moment ago", target.image));
            continue;
        }
        cx.now(format!("pulling {} ({}/{count})", target.image, nth + 1));
        let auth = login(engine, &target.image, &mut logins, cx).await;
        let auth = auth.map_err(|error| report.stopped(error))?;
        let all = pull_into_all(engine, &members, &target.image, &auth, cx).await;
        if all.is_empty() {
            report
                .away
                .push(format!("{}: every buildkitd for its platform was away a moment ago", target.image));
        }
        let (mut refused, mut late) = (None, None);
        for (member, ended) in all {
            match ended {
                Ok(pulled) => report.done.push(pulled),
                // A daemon that refuses our certificate refuses it for every image.
                Err(error) if error.fault == Fault::User && error.kind != BuildErrorKind::Unreachable => {
                    refused = Some(cx.redactor.line(&error.message));
                }
                Err(error) if error.fault == Fault::Transient && !error.is_away() => {
                    late = Some(error.message);
                }
                Err(error) => {
                    engine.pool.suspect(&member, &error);
                    members.retain(|other| *other != member);
                    let message = format!("{}: {}", target.image, error.message);
                    if members.is_empty() {
                        return Err(report.stopped(StepError::new(error.fault, message)));
                    }
                    let why = format!("{} is left out since {message}", member.name);
                    report.warnings.push(cx.redactor.line(&why));
                }
            }
        }
        // Once for each image, whatever the number of daemons.
        if let Some(why) = refused {
            report.refuse(&target, &why);
        }
        if let Some(why) = late {
            report.away.push(format!("{}: {why}", target.image));
            away.insert(registry);
        }
    }
    Ok(())
}

/// Pulls an image into each of `members` that can build for its platform.
async fn pull_into_all(
    engine: &Engine,
    members: &[Member],
    image: &Image,
    auth: &Arc<Auth>,
    cx: &Cx,
) -> Vec<(Member, Result<Pulled, BuildError>)> {
    let platforms: Vec<String> = image.platform.iter().cloned().collect();
    let is_single = engine.pool.is_single();
    let able = members.iter().filter(|member| is_single || engine.pool.covers_most(member, &platforms));
    let able: Vec<Member> = able.cloned().collect();
    let pulls = able.into_iter().map(|member| async move {
        let begun = Instant::now();
        let pulled = pull(engine, &member.daemon, image, auth.clone(), cx).await;
        let daemon = (!is_single).then(|| cx.redactor.line(&member.name));
        let pulled = pulled.map(|solved| Pulled::new(image.clone(), daemon, &solved, begun));
        (member, pulled)
    });
    join_all(pulls).await
}

/// The logins of the image's Secret, which may be in `logins` already.
async fn login(
    engine: &Engine,
    image: &Image,
    logins: &mut Vec<(Option<SecretKey>, Arc<Auth>)>,
    cx: &Cx,
) -> Result<Arc<Auth>, StepError> {
    if let Some((_, known)) = logins.iter().find(|(secret, _)| *secret == image.login) {
        return Ok(known.clone());
    }
    let auth = Arc::new(engine.registry_auth(cx, image.login.as_ref()).await?);
    logins.push((image.login.clone(), auth.clone()));
    Ok(auth)
}

/// Pulls and extracts an image at `daemon`, which asks the session whether this step may read it. A daemon that is away for a moment is
/// asked again.
async fn pull(
    engine: &Engine,
    daemon: &Buildkit,
    image: &Image,
    auth: Arc<Auth>,
    cx: &Cx,
) -> Result<Solved, BuildError> {
    let session = Session {
        registries: auth,
        client: engine.registry.client(),
        pulls: PullAnswers::default(),
        transcript: cx.redactor.clone().into(),
        ..Session::default()
    };
    let pull = || async {
        let solve = Solve {
            // Nobody attaches to this solve later, so any name will do.
            reference: format!("warm-{}", Uuid::new_v4().simple()),
            image: Some(ImagePull { reference: image.image.to_string(), platform: image.platform.clone() }),
            allowed_images: engine.tenancy.images(&cx.workflow.namespace),
            internal: true,
            traceparent: telemetry::traceparent(&Span::current()),
            ..Solve::default()
        };
        let session = session.clone();
        build::shown(daemon, cx, async |progress| daemon.solve(&solve, session, progress).await).await
    };
    pull.retry(pauses::few()).when(BuildError::is_away).await
}
