//! The images that a Dockerfile reads.

use backon::Retryable as _;
use uuid::Uuid;

use super::super::Engine;
use super::super::context::Cx;
use super::inputs::Inputs;
use super::{missing_files, place, platforms, report, request, solve};
use crate::buildkit::{BuildError, ReadImage, Solve};
use crate::outcome::StepError;
use crate::pool::Wanted;
use crate::step::Build;
use crate::step::build::Platform;
use crate::time_limits::pauses;

/// Asks buildkitd's frontend which images the target of `build` reads, for each of its platforms. Nothing is built.
pub(in super::super) async fn of(
    engine: &Engine,
    build: &Build,
    cx: &Cx,
) -> Result<Vec<ReadImage>, StepError> {
    let inputs = Box::pin(Inputs::gather(engine, build, false, cx)).await?;
    let wanted = place::wanted(build, cx);
    let mut found = Vec::new();
    let own: Option<Option<&Platform>> = build.platforms.is_empty().then_some(None);
    for platform in own.into_iter().chain(build.platforms.iter().map(Some)) {
        let request = request::outline(build, &inputs, platform);
        let read = match Box::pin(outlined(engine, &wanted, request, &inputs, cx)).await {
            Ok(read) => read,
            Err(error) => {
                let error = platforms::named(engine, &inputs, &wanted, error).await;
                return Err(missing_files::explain(report::failure(error, cx), &inputs));
            }
        };
        read.into_iter().for_each(|image| {
            if !found.contains(&image) {
                found.push(image);
            }
        });
    }
    Ok(found)
}

async fn outlined(
    engine: &Engine,
    wanted: &Wanted,
    request: Solve,
    inputs: &Inputs,
    cx: &Cx,
) -> Result<Vec<ReadImage>, BuildError> {
    let ask = || async {
        // It builds nothing, so it needs no place.
        let member = engine.pool.first(wanted).await?;
        // Nobody attaches to this solve later, so any name will do.
        let request = Solve { reference: format!("outline-{}", Uuid::new_v4().simple()), ..request.clone() };
        let session = inputs.session(&cx.redactor.clone().into());
        let read = session.read.clone();
        let solved = solve::shown(&member.daemon, cx, async |progress| {
            member.daemon.solve(&request, session, progress).await
        });
        solved.await.inspect_err(|error| engine.pool.suspect(&member, error))?;
        Ok(read.list())
    };
    ask.retry(pauses::few()).when(BuildError::is_away).await
}
