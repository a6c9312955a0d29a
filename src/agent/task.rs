//! One task: the template of a node, its job, and the reports sent for it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::task_job::TaskJob;
use crate::argo::{NodeResult, Template};
use crate::jobs::{Ending, JobState, JobTable, Phase, View};
use crate::kube::ReportError;
use crate::outcome::StepError;

/// The shortest and the longest pause between two progress reports. Each report costs the controller one
/// reconciliation.
const PROGRESS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// The time to wait for the controller to remove a task after it has removed the report. Usually that takes
/// milliseconds; this is generous.
const REMOVAL: Duration = Duration::from_secs(5);

/// A task for this plugin.
pub(super) struct Task {
    /// The template's `plugin` object. A report carries it, so that it cannot be taken for a later task of the same
    /// node.
    pub(super) guard: Value,
    /// Tells this task from earlier and later tasks of the same node.
    pub(super) round: u64,
    /// The time limit, counted from the creation of the node.
    pub(super) limit: Duration,
    declared: Vec<String>,
    pub(super) stage: Stage,
}

/// The stage of a task.
pub(super) enum Stage {
    /// The job has not ended.
    Unfinished(Unfinished),
    /// The job ended at `at` with `result`, which has not been reported yet.
    Ended { result: NodeResult, at: Instant },
    /// There is nothing more to report.
    Done(Done),
}

/// A job that has not ended, and its progress reports.
pub(super) struct Unfinished {
    pub(super) job: TaskJob,
    /// The time at which the job got a slot; `None` while it is queued.
    pub(super) running: Option<Instant>,
    /// The time of the next progress report.
    next_report: Instant,
    /// The progress that was reported last.
    last_report: Option<NodeResult>,
}

/// A task whose final result was reported, or that Argo no longer waits for. The controller is about to remove it.
#[derive(Default)]
pub(super) struct Done {
    /// The version of the set that has the final result; `None` if it was not reported.
    reported: Option<u64>,
    /// The time to check why the task is still there without a report.
    check_at: Option<Instant>,
}

impl Done {
    /// Whether the final result was reported.
    pub(super) fn is_reported(&self) -> bool {
        self.reported.is_some()
    }
}

impl Task {
    pub(super) fn started(template: &Template, round: u64, limit: Duration, job: TaskJob) -> Self {
        let unfinished =
            Unfinished { job, running: None, next_report: Instant::now() + PROGRESS.0, last_report: None };
        Self { limit, ..Self::at(template, round, Stage::Unfinished(unfinished)) }
    }

    /// A task that cannot be started.
    pub(super) fn refused(template: &Template, round: u64, why: StepError) -> Self {
        let result = NodeResult::ended(&Err(why), &template.declared());
        Self::at(template, round, Stage::Ended { result, at: Instant::now() })
    }

    /// A task whose final result another agent has already reported.
    pub(super) fn already_reported(template: &Template, round: u64) -> Self {
        Self::at(template, round, Stage::Done(Done { reported: Some(0), check_at: None }))
    }

    fn at(template: &Template, round: u64, stage: Stage) -> Self {
        let (guard, declared) = (template.plugin(), template.declared());
        Self { guard, round, limit: Duration::MAX, declared, stage }
    }

    /// The job, if it has not ended.
    pub(super) fn job(&self) -> Option<&TaskJob> {
        match &self.stage {
            Stage::Unfinished(unfinished) => Some(&unfinished.job),
            _ => None,
        }
    }

    /// Stores the final result of the job.
    pub(super) fn ended(&mut self, ending: &Ending) {
        if let Stage::Unfinished(_) = self.stage {
            let result = NodeResult::ended(ending, &self.declared).naming_log(ending);
            self.stage = Stage::Ended { result, at: Instant::now() };
        }
    }

    /// Forgets the job, because Argo no longer waits for it.
    pub(super) fn dropped(&mut self) {
        self.stage = Stage::Done(Done::default());
    }

    /// Whether the final result has not been reported yet.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Unfinished(_) | Stage::Ended { .. })
    }

    /// The time of the next report or check.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Unfinished(unfinished) => Some(unfinished.next_report),
            Stage::Ended { at, .. } => Some(*at),
            Stage::Done(done) => done.check_at,
        }
    }

    /// The result to report now, and whether it is final. Progress is included only if `may_report_progress`.
    pub(super) fn next_result(
        &mut self,
        jobs: &JobTable,
        may_report_progress: bool,
    ) -> Option<(NodeResult, bool)> {
        match &mut self.stage {
            Stage::Ended { result, .. } => Some((result.clone(), true)),
            Stage::Unfinished(unfinished) if unfinished.next_report <= Instant::now() => {
                unfinished.next_report = Instant::now() + PROGRESS.0;
                let view = jobs.poll(unfinished.job.key())?.ok()?;
                if matches!(view.phase, Phase::Done(_)) || !may_report_progress {
                    return None;
                }
                unfinished.next_report = Instant::now() + pause(&view);
                let result = NodeResult::of(&view, &self.declared);
                if unfinished.last_report.replace(result.clone()) == Some(result.clone()) {
                    return None;
                }
                Some((result, false))
            }
            _ => None,
        }
    }

    /// Whether the final result was reported, and the controller has not removed the task yet.
    pub(super) fn is_reported(&self) -> bool {
        matches!(&self.stage, Stage::Done(done) if done.is_reported())
    }

    /// Replaces a final result that the cluster does not accept by a small failure. Otherwise the workflow would wait
    /// for ever.
    pub(super) fn replace_unreportable(&mut self, why: &ReportError, mend: &str) {
        if let Stage::Ended { result, .. } = &mut self.stage {
            let phase = result.phase.name();
            let message =
                format!("the step ended as {phase}, but Argo cannot be told its outputs: {why}{mend}");
            *result = NodeResult::failed(message);
        }
    }

    /// Notes that the set's `version` has the final result, if the job has ended. Returns the time from the end of
    /// the job to the report.
    pub(super) fn accepted(&mut self, version: &str) -> Option<Duration> {
        let Stage::Ended { at, .. } = self.stage else { return None };
        self.stage = Stage::Done(Done { reported: Some(version_number(version)), check_at: None });
        Some(at.elapsed())
    }

    /// Notes that the task is in the set's `version`, and whether its report is there too.
    pub(super) fn seen(&mut self, reported: bool, version: &str) {
        let Stage::Done(done) = &mut self.stage else { return };
        if reported || done.reported.is_some_and(|reported| version_number(version) < reported) {
            done.check_at = None;
        } else {
            done.check_at.get_or_insert_with(|| Instant::now() + REMOVAL);
        }
    }

    /// Returns the state of the task if it is time to check why it is still there, and sets the time of the next
    /// check.
    pub(super) fn check_overdue(&mut self) -> Option<&Done> {
        let Stage::Done(done) = &mut self.stage else { return None };
        let due = done.check_at.filter(|at| *at <= Instant::now())?;
        done.check_at = Some(due.max(Instant::now()) + REMOVAL);
        Some(done)
    }
}

/// The pause before the next progress report: a fifth of the job's running time so far. The queue position changes
/// little, so it is reported rarely.
fn pause(view: &View) -> Duration {
    match view.phase {
        Phase::Held | Phase::Queued(_) => PROGRESS.1,
        _ => (view.elapsed / 5).clamp(PROGRESS.0, PROGRESS.1),
    }
}

/// Parses a resource version. Versions of one resource are growing numbers (Kubernetes 1.35, "Resource versions").
fn version_number(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}

/// A change of a job or a task that its worker waits for.
pub(super) enum JobChange {
    /// The job got a slot; the receiver has the following states.
    Began(watch::Receiver<JobState>),
    /// The job has ended.
    Ended(Arc<Ending>),
    /// The job is no longer in the table.
    Removed,
    /// The Workflow was asked about a task that is done but still in the set. The value says whether Argo waits for
    /// its node.
    Checked(bool),
}
