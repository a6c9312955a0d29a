//! One task: a node's template, the job that it became, and what has been reported of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::hold::Hold;
use crate::argo::{NodeResult, Template};
use crate::jobs::{Ending, JobState, JobTable, Phase, View};
use crate::kube::ReportError;
use crate::outcome::StepError;

/// The shortest and the longest pause between two reports of progress. Each costs the controller a turn.
const PROGRESS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// The time between the controller's removal of a report and that of the task, generously: it is milliseconds.
const REMOVAL: Duration = Duration::from_secs(5);

/// A task of ours.
pub(super) struct Task {
    /// The template's `plugin`, by which a report is for this task and no later one of the same node.
    pub(super) guard: Value,
    /// Which of several tasks of this node it is.
    pub(super) round: u64,
    /// How long it may take from when its node was made.
    pub(super) limit: Duration,
    declared: Vec<String>,
    pub(super) stage: Stage,
}

/// How far a task is.
pub(super) enum Stage {
    /// Its job has not ended.
    Going(Going),
    /// It has ended with this result, which has not been reported.
    Ended { result: NodeResult, at: Instant },
    /// There is nothing more to say of it.
    Over(Over),
}

/// A job that has not ended.
pub(super) struct Going {
    pub(super) hold: Hold,
    /// The time at which it began; none while it queues.
    pub(super) running: Option<Instant>,
    /// The time of the next report of its progress.
    tell: Instant,
    /// What was reported last.
    said: Option<NodeResult>,
}

/// A task whose end Argo was told, or does not wait for: it is about to leave.
#[derive(Default)]
pub(super) struct Over {
    /// The version of the set in which its end stands; nothing where it was not told.
    told: Option<u64>,
    /// When to ask why it is still there, without a report.
    ask: Option<Instant>,
}

impl Over {
    /// Whether Argo was told its end.
    pub(super) fn was_told(&self) -> bool {
        self.told.is_some()
    }
}

impl Task {
    pub(super) fn going(template: &Template, round: u64, limit: Duration, hold: Hold) -> Self {
        let going = Going { hold, running: None, tell: Instant::now() + PROGRESS.0, said: None };
        Self { limit, ..Self::at(template, round, Stage::Going(going)) }
    }

    /// A task that cannot be begun.
    pub(super) fn refused(template: &Template, round: u64, why: StepError) -> Self {
        let result = NodeResult::ended(&Err(why), &template.declared());
        Self::at(template, round, Stage::Ended { result, at: Instant::now() })
    }

    /// A task whose end somebody has reported before us.
    pub(super) fn told(template: &Template, round: u64) -> Self {
        Self::at(template, round, Stage::Over(Over { told: Some(0), ask: None }))
    }

    fn at(template: &Template, round: u64, stage: Stage) -> Self {
        let (guard, declared) = (template.plugin(), template.declared());
        Self { guard, round, limit: Duration::MAX, declared, stage }
    }

    /// Its job, if that has not ended.
    pub(super) fn hold(&self) -> Option<&Hold> {
        match &self.stage {
            Stage::Going(going) => Some(&going.hold),
            _ => None,
        }
    }

    /// Its job has ended.
    pub(super) fn ended(&mut self, ending: &Ending) {
        if let Stage::Going(_) = self.stage {
            let result = NodeResult::ended(ending, &self.declared).naming_log(ending);
            self.stage = Stage::Ended { result, at: Instant::now() };
        }
    }

    /// Forgets its job: Argo no longer waits for it.
    pub(super) fn dropped(&mut self) {
        self.stage = Stage::Over(Over::default());
    }

    /// Whether its end is still to be reported, or to come.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Going(_) | Stage::Ended { .. })
    }

    /// The next time at which there is something to do about it.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Going(going) => Some(going.tell),
            Stage::Ended { at, .. } => Some(*at),
            Stage::Over(over) => over.ask,
        }
    }

    /// What is to be reported of it by now, and whether that is its end; progress only if it `may` be told.
    pub(super) fn report(&mut self, jobs: &JobTable, may: bool) -> Option<(NodeResult, bool)> {
        match &mut self.stage {
            Stage::Ended { result, .. } => Some((result.clone(), true)),
            Stage::Going(going) if going.tell <= Instant::now() => {
                going.tell = Instant::now() + PROGRESS.0;
                let view = jobs.poll(going.hold.key())?.ok()?;
                if matches!(view.phase, Phase::Done(_)) || !may {
                    return None;
                }
                going.tell = Instant::now() + pause(&view);
                let result = NodeResult::of(&view, &self.declared);
                if going.said.replace(result.clone()) == Some(result.clone()) {
                    return None;
                }
                Some((result, false))
            }
            _ => None,
        }
    }

    /// Whether Argo was told its end, and has not taken it.
    pub(super) fn was_told(&self) -> bool {
        matches!(&self.stage, Stage::Over(over) if over.was_told())
    }

    /// Its end is more than the cluster takes: a small failure instead, for otherwise the workflow would wait for ever.
    pub(super) fn cannot_be_told(&mut self, why: &ReportError, mend: &str) {
        if let Stage::Ended { result, .. } = &mut self.stage {
            let phase = result.phase.name();
            let message =
                format!("the step ended as {phase}, but Argo cannot be told its outputs: {why}{mend}");
            *result = NodeResult::failed(message);
        }
    }

    /// Its end, if it has ended, stands in the set's `version`; says how long that took.
    pub(super) fn accepted(&mut self, version: &str) -> Option<Duration> {
        let Stage::Ended { at, .. } = self.stage else { return None };
        self.stage = Stage::Over(Over { told: Some(number(version)), ask: None });
        Some(at.elapsed())
    }

    /// The task is there in the set's `version`, and its report is too, or is not.
    pub(super) fn seen(&mut self, reported: bool, version: &str) {
        let Stage::Over(over) = &mut self.stage else { return };
        if reported || over.told.is_some_and(|told| number(version) < told) {
            over.ask = None;
        } else {
            over.ask.get_or_insert_with(|| Instant::now() + REMOVAL);
        }
    }

    /// Whether it is time to ask why it is still there; if so, it is not for a while.
    pub(super) fn asks(&mut self) -> Option<&Over> {
        let Stage::Over(over) = &mut self.stage else { return None };
        let asks = over.ask.filter(|at| *at <= Instant::now())?;
        over.ask = Some(asks.max(Instant::now()) + REMOVAL);
        Some(over)
    }
}

/// A fifth of what the job has taken so far. A place in the queue is worth little.
fn pause(view: &View) -> Duration {
    match view.phase {
        Phase::Held | Phase::Queued(_) => PROGRESS.1,
        _ => (view.elapsed / 5).clamp(PROGRESS.0, PROGRESS.1),
    }
}

/// Versions of one resource are numbers that grow (Kubernetes 1.35, "Resource versions").
fn number(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}

/// What a job came to while a desk was busy elsewhere.
pub(super) enum Change {
    /// It has a slot; the receiver tells what follows.
    Began(watch::Receiver<JobState>),
    /// It has ended.
    Ended(Arc<Ending>),
    /// It is gone from the table.
    Lost,
    /// It is still there although its end was told, or nobody waits; and Argo does wait for it, or does not.
    Asked(bool),
}
