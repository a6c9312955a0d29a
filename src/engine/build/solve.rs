//! Runs each build once and gets its result, even if the reply is lost, or the sidecar or the daemon restarts.
//!
//! The solve is named after the job. A sidecar that was killed looks up its job again and finds the result in
//! the daemon's history, or the running build. Only a build that did not end is started again, under the next
//! name. Its finished vertices are still cached.

use backon::{ExponentialBuilder, Retryable};
use tokio::sync::watch;
use tracing::{debug, warn};
use uuid::Uuid;

use super::super::context::Cx;
use super::super::{Engine, Reference};
use super::inputs::Inputs;
use super::{missing_files, platforms, report, silence};
use crate::buildkit::{self, BuildError, BuildErrorKind, Connection, Recalled, Solve, Solved, Transcript};
use crate::outcome::{Fault, StepError};
use crate::time_limits::pauses;

/// The number of attempts to find or restart a build whose connection broke.
const ATTEMPTS: u32 = 3;

/// The backoff for an unreachable daemon: about half a minute, longer than a restart of its pod takes.
fn patience() -> ExponentialBuilder {
    pauses::few().with_max_times(10)
}

/// The newest attempt at a job's build, and its state at the daemon.
struct Attempt {
    number: u32,
    known: Recalled,
}

/// A successful build.
pub(super) struct Built {
    pub(super) solved: Solved,
    /// Whether an earlier attempt began the build. Steps that it built look cached to this attempt.
    pub(super) resumed: bool,
}

impl Built {
    /// Whether nothing new was built.
    pub(super) fn is_cached(&self) -> bool {
        !self.resumed && self.solved.cached_steps == self.solved.total_steps
    }
}

/// Solves `request`, or continues an earlier attempt. Uses `open` until that connection breaks.
pub(super) async fn resumable(
    engine: &Engine,
    mut open: Option<Connection>,
    request: &mut Solve,
    name: &Name,
    inputs: &Inputs,
    transcript: &Transcript,
    cx: &Cx,
) -> Result<Built, StepError> {
    let told = |error: BuildError| missing_files::explain(report::failure(error, cx), inputs);
    let mut attempt = match &cx.reference {
        Some(_) => {
            // An earlier caller already got that failure, so this is a retry.
            let taken = |known: &Recalled| !matches!(known, Recalled::Failed(_));
            newest(engine, cx, &mut open, name, name.first, taken).await.map_err(told)?
        }
        // The name is new, so no earlier attempt exists.
        None => Attempt { number: name.first, known: Recalled::NotFound },
    };
    let mut broken = None;
    for _ in 0..ATTEMPTS {
        request.reference = name.of(attempt.number);
        let resumed = attempt.number > 1 || attempt.known != Recalled::NotFound;
        let ended = match attempt.known {
            Recalled::NotFound => Box::pin(start(engine, open.take(), request, inputs, transcript, cx)).await,
            // Also follow a finished build: the replay has the steps and the log, which history lacks.
            _ => Box::pin(follow(engine, request, transcript, cx)).await,
        };
        match ended {
            Ok(Recalled::Succeeded(solved)) => {
                return Ok(Built { solved: *solved, resumed });
            }
            Ok(Recalled::Failed(error)) if error.fault == Fault::User => {
                return Err(told(platforms::named(engine, inputs, *error).await));
            }
            Ok(Recalled::Failed(error)) => broken = Some(*error),
            Ok(_) => {}
            Err(error) if matches!(error.kind, BuildErrorKind::Lost | BuildErrorKind::Unreachable) => {
                broken = Some(error)
            }
            Err(error) => return Err(told(platforms::named(engine, inputs, error).await)),
        }
        transcript.say("the build was cut off; looking for what became of it");
        warn!(reference = request.reference, "the build did not end; looking for what became of it");
        attempt = newest(engine, cx, &mut open, name, attempt.number, |_| true).await.map_err(told)?;
    }
    Err(broken.map_or_else(cut_off, told))
}

/// Finds the newest attempt at this job's build, starting at `number`. `taken` says whether an outcome may be used.
async fn newest(
    engine: &Engine,
    cx: &Cx,
    open: &mut Option<Connection>,
    name: &Name,
    mut number: u32,
    taken: impl Fn(&Recalled) -> bool,
) -> Result<Attempt, BuildError> {
    loop {
        let known = recalled(engine, cx, open, &name.of(number)).await?;
        if !may_be_redone(&known) && taken(&known) {
            return Ok(Attempt { number, known });
        }
        number += 1;
    }
}

/// Asks the daemon for the state of `name` over `open`, or over new connections once `open` is broken.
async fn recalled(
    engine: &Engine,
    cx: &Cx,
    open: &mut Option<Connection>,
    name: &str,
) -> Result<Recalled, BuildError> {
    if let Some(connection) = open {
        match engine.buildkit.recall_over(connection, name).await {
            Ok(known) => return Ok(known),
            Err(error) => debug!("the connection to buildkitd does not hold: {error}"),
        }
        *open = None;
    }
    let recall = || engine.buildkit.recall(name);
    recall.retry(patience()).when(BuildError::is_away).notify(|error, _| waiting(cx, error)).await
}

/// The base name of a job's builds at the daemon, and the number of the first that counts.
pub(super) struct Name {
    base: String,
    first: u32,
}

impl Name {
    /// The name contains the commit. If a branch has moved, the build and its result are different ones.
    pub(super) fn new(cx: &Cx, sha: &str) -> Self {
        let commit = sha.get(..12).unwrap_or(sha);
        let base = match &cx.reference {
            Some(Reference(name)) => format!("{name}.{commit}"),
            None => Uuid::new_v4().to_string(),
        };
        Self { base, first: 1 }
    }

    /// The beginning of the names of all attempts, and of no other build.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The name for another way to do a build that has failed.
    pub(super) fn after_failure(self) -> Self {
        Self { first: self.first + 1, ..self }
    }

    /// The name of attempt `number`. The name of a finished attempt is never reused.
    fn of(&self, number: u32) -> String {
        if number == 1 { self.base.clone() } else { format!("{}.{number}", self.base) }
    }
}

fn cut_off() -> StepError {
    StepError::transient(format!(
        "the build was cut off {ATTEMPTS} times without an error of its own; look at buildkitd's log for what ends its builds"
    ))
}

/// Solves. If the daemon already has a build of this name, follows that build.
async fn start(
    engine: &Engine,
    open: Option<Connection>,
    request: &Solve,
    inputs: &Inputs,
    transcript: &Transcript,
    cx: &Cx,
) -> Result<Recalled, BuildError> {
    match once(engine, open, request, inputs, transcript, cx).await {
        Ok(solved) => Ok(Recalled::Succeeded(Box::new(solved))),
        Err(error) if error.kind == BuildErrorKind::AlreadyExists => {
            Box::pin(follow(engine, request, transcript, cx)).await
        }
        Err(error) => Err(error),
    }
}

/// Solves over `open` or a new connection, and reports progress meanwhile.
pub(super) async fn once(
    engine: &Engine,
    open: Option<Connection>,
    request: &Solve,
    inputs: &Inputs,
    transcript: &Transcript,
    cx: &Cx,
) -> Result<Solved, BuildError> {
    let session = inputs.session(transcript);
    shown(engine, cx, async |progress| match open {
        Some(open) => engine.buildkit.solve_over(open, request, session, progress).await,
        None => engine.buildkit.solve(request, session, progress).await,
    })
    .await
}

async fn follow(
    engine: &Engine,
    request: &Solve,
    transcript: &Transcript,
    cx: &Cx,
) -> Result<Recalled, BuildError> {
    // The daemon sends the build's earlier output again.
    transcript.rewind();
    shown(engine, cx, async |progress| engine.buildkit.attach(&request.reference, transcript, progress).await)
        .await
}

/// Runs `solve` and reports its progress.
pub(in super::super) async fn shown<T>(
    engine: &Engine,
    cx: &Cx,
    solve: impl AsyncFnOnce(&watch::Sender<buildkit::Progress>) -> T,
) -> T {
    let (sender, receiver) = watch::channel(buildkit::Progress::default());
    let place = engine.buildkit.place();
    tokio::select! {
        biased;
        ended = solve(&sender) => ended,
        never = silence::relay(&place, cx, receiver) => match never {},
    }
}

/// Whether an attempt ended without a final result, so that a new attempt may start.
fn may_be_redone(known: &Recalled) -> bool {
    match known {
        Recalled::Cancelled => true,
        Recalled::Failed(error) => error.fault != Fault::User,
        Recalled::NotFound | Recalled::Running | Recalled::Succeeded(_) => false,
    }
}

fn waiting(cx: &Cx, error: &BuildError) {
    warn!("waiting for buildkitd: {error}");
    cx.now(format!("waiting for buildkitd: {error}"));
}
