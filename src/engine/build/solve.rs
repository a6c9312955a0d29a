//! Runs each build once and gets its result, even if the reply is lost, or the sidecar or the daemon restarts.
//!
//! The solve is named after the job. A sidecar that was killed looks up its job again and finds the result in
//! the daemon's history, or the running build. Only a build that did not end is started again, under the next
//! name. Its finished vertices are still cached.

use tokio::sync::watch;
use tracing::{info, warn};

use super::super::context::Cx;
use super::imports::LeftOut;
use super::inputs::Inputs;
use super::search::{Attempt, Open, Search};
use super::{missing_files, platforms, report, silence};
use crate::buildkit::{
    self, BuildError, BuildErrorKind, Buildkit, Connection, Recalled, Solve, Solved, Transcript,
};
use crate::outcome::{Fault, StepError};
use crate::pool::Member;

/// The number of attempts to find or restart a build whose connection broke.
const ATTEMPTS: u32 = 3;

/// A successful build.
pub(super) struct Built {
    pub(super) solved: Solved,
    /// Whether an earlier attempt began the build. Steps that it built look cached to this attempt.
    pub(super) resumed: bool,
    /// The daemon that built it. The export of its cache finds its layers there.
    pub(super) member: Member,
    /// The caches that it was built without, because they could not be read.
    pub(super) left_out: LeftOut,
}

impl Built {
    /// Whether nothing new was built.
    pub(super) fn is_cached(&self) -> bool {
        !self.resumed && self.solved.cached_steps == self.solved.total_steps
    }
}

/// Solves `request` on the daemon that `search` finds, or continues an earlier attempt. Uses `open` until that connection breaks. The build
/// keeps its place, also if it fails.
pub(super) async fn resumable(
    search: &Search<'_>,
    mut open: Option<Open>,
    request: &mut Solve,
    inputs: &Inputs,
    transcript: &Transcript,
) -> Result<Built, StepError> {
    let Search { engine, cx, wanted, ref name, .. } = *search;
    let told = |error: BuildError| missing_files::explain(report::failure(error, cx), inputs);
    let mut attempt = match &cx.reference {
        // The name is new, so no earlier attempt exists.
        None if name.first == 1 => Attempt::first(1),
        _ => {
            // An earlier caller already got that failure, so this is a retry.
            let taken = |known: &Recalled| !matches!(known, Recalled::Failed(_));
            search.newest(&mut open, name.first, taken).await.map_err(told)?
        }
    };
    let mut broken = None;
    for _ in 0..ATTEMPTS {
        request.reference = name.of(attempt.number);
        let resumed = attempt.number > 1 || attempt.known != Recalled::NotFound;
        let member = Box::pin(search.enter(attempt.member.as_ref(), &mut open)).await.map_err(told)?;
        let daemon = &member.daemon;
        if !engine.pool.is_single() {
            info!(buildkitd = %member.name, "the build is at {}", member.name);
        }
        let ended = match attempt.known {
            Recalled::NotFound => {
                let open = open.take().filter(|(other, _)| *other == member);
                let open = open.map(|(_, connection)| connection);
                Box::pin(start(daemon, open, request, inputs, transcript, cx)).await
            }
            // Also follow a finished build: the replay has the steps and the log, which history lacks.
            _ => Box::pin(follow(daemon, request, transcript, cx)).await,
        };
        match ended {
            Ok(Recalled::Succeeded(solved)) => {
                return Ok(Built { solved: *solved, resumed, member, left_out: LeftOut::default() });
            }
            Ok(Recalled::Failed(error)) if error.fault == Fault::User => {
                return Err(told(platforms::named(engine, inputs, wanted, *error).await));
            }
            Ok(Recalled::Failed(error)) => broken = Some(*error),
            Ok(_) => {}
            Err(error) if matches!(error.kind, BuildErrorKind::Lost | BuildErrorKind::Unreachable) => {
                broken = Some(error)
            }
            Err(error) => return Err(told(platforms::named(engine, inputs, wanted, error).await)),
        }
        transcript.say("the build was cut off; looking for what became of it");
        warn!(reference = request.reference, "the build did not end; looking for what became of it");
        attempt = search.newest(&mut open, attempt.number, |_| true).await.map_err(told)?;
        // Only now, since the search has noticed a daemon that is away: before, a build that waits would get this place on it.
        drop(search.place.leave());
    }
    Err(broken.map_or_else(cut_off, told))
}

fn cut_off() -> StepError {
    StepError::transient(format!(
        "the build was cut off {ATTEMPTS} times without an error of its own; look at buildkitd's log for what ends its builds"
    ))
}

/// Solves. If the daemon already has a build of this name, follows that build.
async fn start(
    daemon: &Buildkit,
    open: Option<Connection>,
    request: &Solve,
    inputs: &Inputs,
    transcript: &Transcript,
    cx: &Cx,
) -> Result<Recalled, BuildError> {
    match once(daemon, open, request, inputs, transcript, cx).await {
        Ok(solved) => Ok(Recalled::Succeeded(Box::new(solved))),
        Err(error) if error.kind == BuildErrorKind::AlreadyExists => {
            Box::pin(follow(daemon, request, transcript, cx)).await
        }
        Err(error) => Err(error),
    }
}

/// Solves at `daemon` over `open` or a new connection, and reports progress meanwhile.
pub(super) async fn once(
    daemon: &Buildkit,
    open: Option<Connection>,
    request: &Solve,
    inputs: &Inputs,
    transcript: &Transcript,
    cx: &Cx,
) -> Result<Solved, BuildError> {
    let session = inputs.session(transcript);
    shown(daemon, cx, async |progress| match open {
        Some(open) => daemon.solve_over(open, request, session, progress).await,
        None => daemon.solve(request, session, progress).await,
    })
    .await
}

async fn follow(
    daemon: &Buildkit,
    request: &Solve,
    transcript: &Transcript,
    cx: &Cx,
) -> Result<Recalled, BuildError> {
    // The daemon sends the build's earlier output again.
    transcript.rewind();
    shown(daemon, cx, async |progress| daemon.attach(&request.reference, transcript, progress).await).await
}

/// Runs `solve` at `daemon` and reports its progress.
pub(in super::super) async fn shown<T>(
    daemon: &Buildkit,
    cx: &Cx,
    solve: impl AsyncFnOnce(&watch::Sender<buildkit::Progress>) -> T,
) -> T {
    let (sender, receiver) = watch::channel(buildkit::Progress::default());
    let place = daemon.place();
    tokio::select! {
        biased;
        ended = solve(&sender) => ended,
        never = silence::relay(&place, cx, receiver) => match never {},
    }
}
