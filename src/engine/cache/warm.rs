//! `cache.warm`: pulls images into the daemon's cache, and extracts them.

use std::sync::Arc;
use std::time::Instant;

use backon::Retryable as _;
use serde_json::{Value, json};
use tracing::Span;
use uuid::Uuid;

use super::super::context::Cx;
use super::super::sanitize::list_that_fits;
use super::super::{Engine, build};
use super::targets::{Target, Targets};
use super::{empty_outputs, failed, is_away, size_text};
use crate::buildkit::{BuildError, ImagePull, Session, Solve, Solved};
use crate::outcome::{Fault, Outputs, StepError, Success};
use crate::step::{SecretKey, Warm};
use crate::telemetry;
use crate::time_limits::pauses;

/// What happened to an image.
#[derive(Debug)]
struct Pulled {
    target: Target,
    bytes: u64,
    /// Whether all of its layers were there, and extracted.
    is_warm: bool,
    seconds: f64,
}

/// What was done, and what was not.
#[derive(Debug, Default)]
struct Report {
    done: Vec<Pulled>,
    /// The reasons that are the user's.
    refused: Vec<String>,
    warnings: Vec<String>,
}

pub(super) async fn run(engine: &Engine, warm: &Warm, cx: &Cx) -> Result<Success, StepError> {
    let mut report = Report::default();
    let targets = targets(engine, warm, cx, &mut report.refused).await;
    let targets = targets.map_err(|error| report.stopped(error))?;
    let mut sessions = Vec::new();
    let count = targets.len();
    for (nth, target) in targets.into_iter().enumerate() {
        cx.now(format!("pulling {target} ({}/{count})", nth + 1));
        let session = session(engine, &target, &mut sessions, cx).await;
        let session = session.map_err(|error| report.stopped(error))?;
        let begun = Instant::now();
        match pull(engine, &target, session, cx).await {
            Ok(solved) => report.done.push(Pulled::new(target, &solved, begun)),
            // Another image may well be there. A server that is away is away for the next one too.
            Err(error) if error.fault == Fault::User => report.refuse(&target, &error.message, cx),
            Err(error) => {
                let StepError { fault, message, .. } = failed(error);
                return Err(report.stopped(StepError::new(fault, format!("{target}: {message}"))));
            }
        }
    }
    report.ended()
}

/// The images of the step. A Dockerfile that cannot be read is noted in `refused`; another one may well be right.
async fn targets(
    engine: &Engine,
    warm: &Warm,
    cx: &Cx,
    refused: &mut Vec<String>,
) -> Result<Vec<Target>, StepError> {
    let mut targets = Targets::named(warm);
    let count = warm.dockerfiles.len();
    for (nth, dockerfile) in warm.dockerfiles.iter().enumerate() {
        cx.now(format!("reading the Dockerfile of {} ({}/{count})", dockerfile.context.repo, nth + 1));
        let read = Box::pin(build::images::of(engine, dockerfile, cx)).await;
        let at =
            |message: &str| format!("cache.warm.dockerfiles[{nth}], {}: {message}", dockerfile.context.repo);
        match read {
            Ok(images) => targets.add(&images, dockerfile),
            Err(error) if error.fault == Fault::User => refused.push(at(&error.message)),
            Err(error) => return Err(StepError::new(error.fault, at(&error.message))),
        }
    }
    targets.checked()
}

/// A session with the target's login, which is one of `sessions`. The daemon asks it whether this step may read each image.
async fn session(
    engine: &Engine,
    target: &Target,
    sessions: &mut Vec<(Option<SecretKey>, Session)>,
    cx: &Cx,
) -> Result<Session, StepError> {
    if let Some((_, known)) = sessions.iter().find(|(login, _)| *login == target.login) {
        return Ok(known.clone());
    }
    let auth = engine.registry_auth(cx, target.login.as_ref()).await?;
    let session = Session {
        registries: Arc::new(auth),
        client: engine.registry.client(),
        transcript: cx.redactor.clone().into(),
        ..Session::default()
    };
    sessions.push((target.login.clone(), session.clone()));
    Ok(session)
}

/// Pulls and extracts an image. A daemon that is away for a moment is asked again.
async fn pull(engine: &Engine, target: &Target, session: Session, cx: &Cx) -> Result<Solved, BuildError> {
    let pull = || async {
        let Target { image, platform, .. } = target;
        let solve = Solve {
            // Nobody looks for it later, so it needs no name that is known.
            reference: format!("warm-{}", Uuid::new_v4().simple()),
            image: Some(ImagePull { reference: image.to_string(), platform: platform.clone() }),
            allowed_images: engine.tenancy.images(&cx.workflow.namespace),
            internal: true,
            traceparent: telemetry::traceparent(&Span::current()),
            ..Solve::default()
        };
        let session = session.clone();
        build::shown(engine, cx, async |progress| engine.buildkit.solve(&solve, session, progress).await)
            .await
    };
    pull.retry(pauses::few()).when(is_away).await
}

impl Pulled {
    fn new(target: Target, solved: &Solved, begun: Instant) -> Self {
        let (bytes, is_warm) = (solved.pulled_bytes, solved.pulled_layers == 0);
        Self { target, bytes, is_warm, seconds: begun.elapsed().as_secs_f64() }
    }

    fn shown(&self) -> Value {
        json!({
            "image": self.target.image.to_string(),
            "platform": self.target.platform.clone().unwrap_or_default(),
            "size": self.bytes,
            "warm": self.is_warm,
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
    }
}

impl Report {
    /// An image that no stage may need is a warning.
    fn refuse(&mut self, target: &Target, why: &str, cx: &Cx) {
        let line = format!("{target}: {}", cx.redactor.line(why));
        if target.is_certain { &mut self.refused } else { &mut self.warnings }.push(line);
    }

    /// The error with the outputs until then.
    fn stopped(&self, error: StepError) -> StepError {
        StepError { outputs: self.outputs(), ..error }
    }

    fn ended(self) -> Result<Success, StepError> {
        match self.refused.split_first() {
            None => Ok(Success { summary: self.summary(), outputs: self.outputs() }),
            Some((why, [])) => Err(self.stopped(StepError::user(why.clone()))),
            Some((why, others)) => {
                let message = format!("{why}; {} more could not be pulled", others.len());
                Err(self.stopped(StepError::user(message)))
            }
        }
    }

    fn summary(&self) -> String {
        match self.cold() {
            0 => format!("all {} images were warm", self.done.len()),
            cold => {
                let size = size_text(self.bytes());
                format!("pulled {cold} of {} images, {size}; the others were warm", self.done.len())
            }
        }
    }

    fn outputs(&self) -> Outputs {
        let mut outputs = empty_outputs();
        outputs.insert("size".to_owned(), self.bytes().to_string());
        outputs.insert("records".to_owned(), self.cold().to_string());
        outputs.insert("images".to_owned(), list_that_fits(self.done.iter().map(Pulled::shown)));
        outputs.insert("warnings".to_owned(), list_that_fits(&self.warnings));
        outputs
    }

    fn bytes(&self) -> u64 {
        self.done.iter().map(|pulled| pulled.bytes).sum()
    }

    fn cold(&self) -> usize {
        self.done.iter().filter(|pulled| !pulled.is_warm).count()
    }
}
