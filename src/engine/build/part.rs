//! One solve of a build, and what belongs to it: its place on a daemon, its log, and a second try without a cache that cannot be read.
//!
//! It builds the whole image, or the part of it for one platform.

use std::collections::BTreeMap;
use std::pin::Pin;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, MaybeDone, maybe_done};
use tokio::time::sleep;

use super::super::Engine;
use super::super::context::Cx;
use super::cache_miss::{self, Earlier};
use super::imports::LeftOut;
use super::inputs::Inputs;
use super::place::Place;
use super::search::{Name, Open, Search};
use super::solve::{self, Built};
use super::{beside, report, request};
use crate::buildkit::{Solve, Transcript};
use crate::outcome::StepError;
use crate::pool::Wanted;
use crate::step::Build;

/// A running build step.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) engine: &'a Engine,
    pub(super) build: &'a Build,
    pub(super) inputs: &'a Inputs,
    pub(super) cx: &'a Cx,
}

/// One solve of a build.
pub(super) struct Part<'a> {
    /// The step. Its context is this solve's own.
    pub(super) work: Work<'a>,
    pub(super) wanted: &'a Wanted,
    pub(super) place: &'a Place,
    pub(super) transcript: &'a Transcript,
}

/// A solve that succeeded.
pub(super) struct BuiltPart<'a> {
    pub(super) built: Built,
    pub(super) explanation: Explanation<'a>,
}

/// Why a step was not cached, and what the build is compared with.
#[derive(Default)]
pub(super) struct Explained {
    /// The reason as a sentence; empty if nothing is known.
    pub(super) miss: String,
    /// The digest of the last similar build's image.
    pub(super) previous: Option<String>,
}

/// What is known about why steps were not cached.
pub(super) struct Explanation<'a> {
    /// The attributes of the solve.
    attrs: BTreeMap<String, String>,
    /// The last similar build, which is read while this one runs.
    earlier: MaybeDone<BoxFuture<'a, Option<Earlier>>>,
}

impl<'a> Part<'a> {
    /// Solves `request` under `name`. Uses `open` until that connection breaks.
    pub(super) async fn solve(
        &self,
        mut request: Solve,
        name: Name,
        open: Option<Open>,
    ) -> Result<BuiltPart<'a>, StepError> {
        let Self { work: Work { engine, build, inputs, cx }, wanted, place, transcript } = *self;
        let similar = cache_miss::mark(&mut request, build, &wanted.platforms, inputs, cx);
        let own_name = name.base().to_owned();
        let earlier = cache_miss::read(engine, place, build, similar, own_name, inputs.sha.clone(), cx);
        let mut earlier = maybe_done(earlier.boxed());
        let reading = async {
            place.member().await;
            sleep(cache_miss::DELAY).await;
            Pin::new(&mut earlier).await;
        };
        let search = Search { engine, cx, wanted, place, name };
        // Each phase on the heap: the step then holds the memory of one phase, not of all.
        let solving = Box::pin(solve::resumable(&search, open, &mut request, inputs, transcript));
        let built = match beside(solving, reading).await {
            Ok(built) => built,
            Err(error) => Box::pin(self.without_bad_caches(error, &mut request, search)).await?,
        };
        engine.metrics.vertices(built.solved.cached_steps.into(), built.solved.total_steps.into());
        report::spans(&built.solved.vertices, cx);
        Ok(BuiltPart { built, explanation: Explanation { attrs: request.attrs, earlier } })
    }

    /// Builds again without the caches that the error is about, because a cache is optional; and then without any cache, if that did not
    /// help. Returns the error if it is about no cache.
    async fn without_bad_caches(
        &self,
        mut error: StepError,
        request: &mut Solve,
        mut search: Search<'_>,
    ) -> Result<Built, StepError> {
        let (inputs, mut left_out) = (self.work.inputs, LeftOut::default());
        let mut imports = inputs.imports.clone();
        for all in [false, true] {
            let bad = imports.leave_out(&error, all);
            if bad.caches.is_empty() {
                break;
            }
            for cache in &bad.caches {
                self.transcript.say(&format!("building again without the cache {cache}"));
            }
            request::leave_out(request, &bad.caches);
            left_out.add(bad);
            search.name = search.name.after_failure();
            match Box::pin(solve::resumable(&search, None, request, inputs, self.transcript)).await {
                Ok(built) => return Ok(Built { left_out, ..built }),
                Err(other) => error = other,
            }
        }
        Err(error)
    }
}

impl<'a> BuiltPart<'a> {
    /// The result, and what is known about steps that were not cached.
    pub(super) fn into_parts(self) -> (Built, Explanation<'a>) {
        (self.built, self.explanation)
    }
}

impl Explanation<'_> {
    /// Why the first step of `built` that ran was not cached.
    pub(super) async fn of(mut self, build: &Build, inputs: &Inputs, built: &Built) -> Explained {
        if !cache_miss::is_of_interest(build, built) {
            return Explained::default();
        }
        Pin::new(&mut self.earlier).await;
        match Pin::new(&mut self.earlier).take_output().flatten() {
            Some(earlier) => {
                let miss = cache_miss::explain(build, inputs, built, &self.attrs, &earlier);
                Explained { miss, previous: earlier.image() }
            }
            None => Explained::default(),
        }
    }
}
