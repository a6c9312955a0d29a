//! Finds the daemon that has a job's build, and the place for a new one.
//!
//! A build is named after its job. With several daemons, the process does not know which of them an earlier process used, so all are
//! asked for the name.

use std::sync::{Mutex, PoisonError};

use backon::{ExponentialBuilder, Retryable as _};
use futures_util::{StreamExt as _, stream};
use tracing::{debug, warn};
use uuid::Uuid;

use super::super::context::Cx;
use super::super::{Engine, Reference};
use super::place::Place;
use crate::buildkit::{BuildError, Connection, Recalled};
use crate::outcome::Fault;
use crate::pool::{Member, Slot, Wanted};
use crate::progress::UNREACHED;
use crate::step::build::Platform;
use crate::time_limits::pauses;

/// How many daemons a build asks at a time. Each question needs a connection.
const AT_A_TIME: usize = 8;

/// The backoff for an unreachable daemon: about half a minute, longer than a restart of its pod takes.
fn patience() -> ExponentialBuilder {
    pauses::few().with_max_times(10)
}

/// The newest attempt at a job's build, and its state at the daemon.
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) known: Recalled,
    /// The daemon that knows it.
    pub(super) member: Option<Member>,
}

impl Attempt {
    /// The attempt `number` of a job that has none yet.
    pub(super) fn first(number: u32) -> Self {
        Self { number, known: Recalled::NotFound, member: None }
    }
}

/// The base name of a job's builds at the daemon, and the number of the first that counts.
pub(super) struct Name {
    base: String,
    pub(super) first: u32,
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

    /// The name for the part of a build that is for `platform`.
    pub(super) fn of_platform(self, platform: &Platform) -> Self {
        // A commit's id contains no `-`, so no other job has this name.
        let base = format!("{}-{}", self.base, platform.to_string().replace('/', "-"));
        Self { base, ..self }
    }

    /// The name of attempt `number`. The name of a finished attempt is never reused.
    pub(super) fn of(&self, number: u32) -> String {
        if number == 1 { self.base.clone() } else { format!("{}.{number}", self.base) }
    }
}

/// A connection that is open already, and the daemon at its other end.
pub(super) type Open = (Member, Connection);

/// A search for the builds of one job.
pub(super) struct Search<'a> {
    pub(super) engine: &'a Engine,
    pub(super) cx: &'a Cx,
    pub(super) wanted: &'a Wanted,
    pub(super) place: &'a Place,
    pub(super) name: Name,
}

impl Search<'_> {
    /// Finds the newest attempt at this job's build, starting at `number`. `taken` says whether an outcome may be used. Uses `open` until
    /// that connection breaks.
    pub(super) async fn newest(
        &self,
        open: &mut Option<Open>,
        mut number: u32,
        taken: impl Fn(&Recalled) -> bool,
    ) -> Result<Attempt, BuildError> {
        loop {
            let (member, known) = self.recalled(open, &self.name.of(number)).await?;
            if !may_be_redone(&known) && taken(&known) {
                return Ok(Attempt { number, known, member });
            }
            number += 1;
        }
    }

    /// Gives the build a place, and returns its daemon: `member`, which has the build already, the one at which the build has a place, or
    /// the pool's choice.
    pub(super) async fn enter(
        &self,
        member: Option<&Member>,
        open: &mut Option<Open>,
    ) -> Result<Member, BuildError> {
        let kept = self.place.leave().filter(|kept| member.is_none_or(|member| *member == kept.member));
        let slot = match (kept, member) {
            (Some(kept), _) => kept,
            (None, Some(member)) => self.engine.pool.resume(self.wanted, member),
            (None, None) => self.chosen(open).await?,
        };
        Ok(self.place.take(slot))
    }

    /// The place that the pool chooses. A build that waits closes `open`: until it has its place, that may be broken, and it takes memory
    /// here and at the daemon.
    async fn chosen(&self, open: &mut Option<Open>) -> Result<Slot, BuildError> {
        let pool = &self.engine.pool;
        let _waiting = self.engine.metrics.build_waits();
        let open = Mutex::new(open);
        let wait = |line: String| {
            **open.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.cx.now(line);
        };
        let enter = || pool.enter(self.wanted, wait);
        let entered = enter.retry(patience()).when(BuildError::is_away);
        entered.notify(|error, _| self.waiting(error)).await
    }

    /// Asks for the state of `name`: over `open`, or over new connections once `open` is broken. Returns the daemon that knows it.
    async fn recalled(
        &self,
        open: &mut Option<Open>,
        name: &str,
    ) -> Result<(Option<Member>, Recalled), BuildError> {
        let mut asked: Option<(Member, Recalled)> = None;
        if let Some((member, connection)) = open.as_ref() {
            match member.daemon.recall_over(connection, name).await {
                Ok(known) if known != Recalled::NotFound && !may_be_redone(&known) => {
                    return Ok((Some(member.clone()), known));
                }
                // The attempt may have been made again elsewhere, under the same name.
                Ok(known) => asked = Some((member.clone(), known)),
                Err(error) => debug!("the connection to buildkitd does not hold: {error}"),
            }
        }
        if asked.is_none() {
            *open = None;
        }
        let ask = || self.elsewhere(name, asked.as_ref());
        ask.retry(patience()).when(BuildError::is_away).notify(|error, _| self.waiting(error)).await
    }

    /// Asks all daemons but that of `asked`, which has answered. The error is that of a daemon, if none answers.
    async fn elsewhere(
        &self,
        name: &str,
        asked: Option<&(Member, Recalled)>,
    ) -> Result<(Option<Member>, Recalled), BuildError> {
        let members = self.engine.pool.in_order(self.wanted).await?;
        let others = members.into_iter().filter(|member| asked.is_none_or(|(asked, _)| member != asked));
        let answers = others.map(|member| async move {
            let answer = member.daemon.recall(name).await;
            (member, answer)
        });
        let answers: Vec<_> = stream::iter(answers).buffered(AT_A_TIME).collect().await;
        let mut found = asked.filter(|(_, known)| *known != Recalled::NotFound).cloned();
        let (mut answered, mut failed) = (asked.is_some(), None);
        for (member, answer) in answers {
            match answer {
                Ok(Recalled::NotFound) => answered = true,
                Ok(known) => {
                    if found.as_ref().is_none_or(|(_, other)| rank(&known) > rank(other)) {
                        found = Some((member, known));
                    }
                }
                Err(error) => {
                    self.engine.pool.suspect(&member, &error);
                    failed = Some(error);
                }
            }
        }
        match (found, failed) {
            (Some((member, known)), _) => Ok((Some(member), known)),
            (None, Some(error)) if !answered => Err(error),
            (None, _) => Ok((None, Recalled::NotFound)),
        }
    }

    fn waiting(&self, error: &BuildError) {
        warn!("waiting for buildkitd: {error}");
        self.cx.now(format!("{UNREACHED}{error}"));
    }
}

/// Which of the states that several daemons tell of one attempt is used: the highest, and of equal ones that of the first daemon.
fn rank(known: &Recalled) -> u8 {
    match known {
        Recalled::NotFound => 0,
        _ if may_be_redone(known) => 1,
        Recalled::Failed(_) | Recalled::Cancelled => 2,
        Recalled::Running => 3,
        // The image is pushed, whatever still runs elsewhere.
        Recalled::Succeeded(_) => 4,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_on_one_daemon_counts_whatever_the_others_say() {
        let failed = |fault| {
            Recalled::Failed(Box::new(BuildError { fault, ..BuildError::no_daemon("buildkitd", "away") }))
        };
        let rising = [
            Recalled::NotFound,
            failed(Fault::Transient),
            failed(Fault::User),
            Recalled::Running,
            Recalled::Succeeded(Box::default()),
        ];
        assert!(rising.windows(2).all(|two| rank(&two[0]) < rank(&two[1])));
        assert_eq!(rank(&Recalled::Cancelled), rank(&failed(Fault::Ours)));
    }
}
