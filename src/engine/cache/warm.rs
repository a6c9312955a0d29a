//! `cache.warm`: pulls images into the daemon's cache, and extracts them.

use std::sync::Arc;
use std::time::Instant;

use backon::Retryable as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use tracing::Span;
use uuid::Uuid;

use super::super::Engine;
use super::super::context::Cx;
use super::super::sanitize::list_that_fits;
use super::{empty_outputs, failed, is_away, size_text};
use crate::buildkit::{BuildError, ImagePull, Progress, Session, Solve, Solved};
use crate::oci::{Auth, ImageRef, PullAnswers};
use crate::outcome::{Fault, Outputs, StepError, Success};
use crate::step::Warm;
use crate::step::build::Platform;
use crate::telemetry;
use crate::time_limits::pauses;

/// An image of the step for one platform.
#[derive(Debug, Clone, Copy)]
struct Target<'w> {
    image: &'w ImageRef,
    /// `None` for the daemon's own.
    platform: Option<&'w Platform>,
}

/// What happened to an image.
#[derive(Debug)]
struct Pulled<'w> {
    target: Target<'w>,
    bytes: u64,
    /// Whether all of its layers were there, and extracted.
    is_warm: bool,
    seconds: f64,
}

pub(super) async fn run(engine: &Engine, warm: &Warm, cx: &Cx) -> Result<Success, StepError> {
    let session = session(engine, engine.registry_auth(cx, warm.registry_secret.as_ref()).await?);
    let targets: Vec<_> = targets(warm).collect();
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for (nth, target) in targets.iter().enumerate() {
        cx.now(format!("pulling {} ({}/{})", target.name(), nth + 1, targets.len()));
        let begun = Instant::now();
        match pull(engine, *target, &session, cx).await {
            Ok(solved) => done.push(target.pulled(&solved, begun)),
            // Another image may well be there. A server that is away is away for the next one too.
            Err(error) if error.fault == Fault::User => refused.push((target, error.message)),
            Err(error) => {
                let StepError { fault, message, .. } = failed(error);
                let message = format!("{}: {message}", target.name());
                return Err(StepError { outputs: outputs(&done), ..StepError::new(fault, message) });
            }
        }
    }
    match refused.split_first() {
        None => Ok(Success { summary: summary(&done), outputs: outputs(&done) }),
        Some(((target, why), others)) => {
            let others = match others.len() {
                0 => String::new(),
                more => format!("; {more} more could not be pulled"),
            };
            let message = format!("{}: {why}{others}", target.name());
            Err(StepError { outputs: outputs(&done), ..StepError::user(message) })
        }
    }
}

/// Each image for each platform.
fn targets(warm: &Warm) -> impl Iterator<Item = Target<'_>> {
    warm.images.iter().flat_map(move |image| {
        let own = warm.platforms.is_empty().then_some(None);
        own.into_iter().chain(warm.platforms.iter().map(Some)).map(move |platform| Target { image, platform })
    })
}

/// The answers to the daemon, which asks whether this step may read each image.
fn session(engine: &Engine, auth: Auth) -> Session {
    Session {
        registries: Arc::new(auth),
        client: engine.registry.client(),
        pulls: PullAnswers::default(),
        ..Session::default()
    }
}

/// Pulls and extracts an image. A daemon that is away for a moment is asked again.
async fn pull(engine: &Engine, target: Target<'_>, session: &Session, cx: &Cx) -> Result<Solved, BuildError> {
    let pull = || async {
        let platform = target.platform.map(ToString::to_string);
        let solve = Solve {
            // Nobody looks for it later, so it needs no name that is known.
            reference: format!("warm-{}", Uuid::new_v4().simple()),
            image: Some(ImagePull { reference: target.image.to_string(), platform }),
            allowed_images: engine.tenancy.images(&cx.workflow.namespace),
            internal: true,
            traceparent: telemetry::traceparent(&Span::current()),
            ..Solve::default()
        };
        let (progress, _) = watch::channel(Progress::default());
        engine.buildkit.solve(&solve, session.clone(), &progress).await
    };
    pull.retry(pauses::few()).when(is_away).await
}

impl<'w> Target<'w> {
    fn name(&self) -> String {
        self.platform
            .map_or_else(|| self.image.to_string(), |platform| format!("{} for {platform}", self.image))
    }

    fn pulled(&self, solved: &Solved, begun: Instant) -> Pulled<'w> {
        let (bytes, is_warm) = (solved.pulled_bytes, solved.pulled_layers == 0);
        Pulled { target: *self, bytes, is_warm, seconds: begun.elapsed().as_secs_f64() }
    }
}

impl Pulled<'_> {
    fn shown(&self) -> Value {
        json!({
            "image": self.target.image.to_string(),
            "platform": self.target.platform.map(ToString::to_string).unwrap_or_default(),
            "size": self.bytes,
            "warm": self.is_warm,
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
    }
}

fn summary(done: &[Pulled<'_>]) -> String {
    let bytes: u64 = done.iter().map(|pulled| pulled.bytes).sum();
    match done.iter().filter(|pulled| !pulled.is_warm).count() {
        0 => format!("all {} images were warm", done.len()),
        cold => format!("pulled {cold} of {} images, {}; the others were warm", done.len(), size_text(bytes)),
    }
}

fn outputs(done: &[Pulled<'_>]) -> Outputs {
    let bytes: u64 = done.iter().map(|pulled| pulled.bytes).sum();
    let cold = done.iter().filter(|pulled| !pulled.is_warm).count();
    let mut outputs = empty_outputs();
    outputs.insert("size".to_owned(), bytes.to_string());
    outputs.insert("records".to_owned(), cold.to_string());
    outputs.insert("images".to_owned(), list_that_fits(done.iter().map(Pulled::shown)));
    outputs
}
