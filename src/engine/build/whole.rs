//! Builds an image in one solve, on one daemon.

use std::time::Duration;

use super::part::{BuiltPart, Part, Work};
use super::place::Place;
use super::report::Cache;
use super::search::{Name, Open};
use super::{cache, log};
use crate::buildkit::{Solve, Solved};
use crate::outcome::StepError;
use crate::pool::Wanted;

/// An image that was built, and what was done with it.
pub(super) struct Done {
    pub(super) solved: Solved,
    /// A line for each cache that it was built without, because it could not be read.
    pub(super) left_out: Vec<String>,
    /// The reference of the build's log; empty if it is not stored.
    pub(super) log: String,
    /// What became of the export of the cache.
    pub(super) exported: Result<Cache, StepError>,
    /// How long the export took.
    pub(super) wrote: Duration,
    /// Why a step was not cached; empty if that is not known.
    pub(super) miss: String,
}

/// Builds what `request` says. Uses `open` until that connection breaks.
pub(super) async fn run(
    work: Work<'_>,
    request: Solve,
    wanted: &Wanted,
    open: Option<Open>,
) -> Result<Done, StepError> {
    let Work { engine, build, inputs, cx } = work;
    let (place, transcript) = (Place::default(), log::transcript(engine, build, cx));
    let part = Part { work, wanted, place: &place, transcript: &transcript };
    let solved = Box::pin(part.solve(request, Name::new(cx, &inputs.sha), open)).await;
    let BuiltPart { built, explanation } = match solved {
        Ok(built) => built,
        Err(error) => {
            drop(place.leave());
            return Err(Box::pin(log::keep(engine, build, inputs, &transcript, error, cx)).await);
        }
    };
    let kept = if built.is_cached() { None } else { transcript.log() };
    let logging = async {
        let explained = explanation.of(build, inputs, &built).await;
        let log = log::attach(engine, build, inputs, &built.solved, kept, &explained, cx).await;
        (log, explained.miss)
    };
    let export = cache::timed(Box::pin(cache::export(work, &built, None)));
    let ((exported, wrote), (log, miss)) = tokio::join!(export, Box::pin(logging));
    let (solved, left_out) = (built.solved, built.left_out.lines);
    Ok(Done { solved, left_out, log, exported, wrote, miss })
}
