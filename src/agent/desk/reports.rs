//! What a desk reports, and what it learns by it.

use tokio::time::Instant;

use super::{Desk, Task};
use crate::agent::clerk::{Answer, Report};
use crate::kube::ReportError;
use crate::metrics::ReportOutcome;

impl Desk {
    /// Sends what is to be reported by now, if it may.
    pub(super) fn report(&mut self) {
        if !self.may_report() || !self.clerk.is_idle() || self.clerk.not_before() > Instant::now() {
            return;
        }
        let (jobs, permit) = (&self.agent.jobs, self.agent.permits.progress());
        let report = |(id, task): (&String, &mut Task)| {
            let (result, end) = task.report(jobs, permit.is_some())?;
            Some(Report { id: id.clone(), round: task.round, guard: task.guard.clone(), result, end })
        };
        let mut reports: Vec<_> = self.tasks.iter_mut().filter_map(report).collect();
        // Ends go first where not all reports are sent.
        reports.sort_by_key(|report| !report.end);
        if !reports.is_empty() {
            self.clerk.send(&self.agent, reports, permit);
        }
    }

    /// What became of what was sent.
    pub(super) fn answered(&mut self, answer: Answer) {
        let outcome = self.clerk.heed(&answer);
        let others = self.tasks.values().any(Task::was_told);
        let alone = answer.reports.len() == 1;
        for report in &answer.reports {
            let task = self.tasks.get_mut(&report.id).filter(|task| task.round == report.round);
            let Some(task) = task else { continue };
            let outcome = match &answer.outcome {
                Ok(reported) if reported.withdrawn.contains(&report.id) => {
                    task.dropped();
                    ReportOutcome::Withdrawn
                }
                // The answer to a report of progress is none to the end that may have come meanwhile.
                Ok(_) if !report.end => outcome,
                Ok(reported) => {
                    let took = task.accepted(&reported.resource_version);
                    took.into_iter().for_each(|took| self.agent.metrics.report_took(took));
                    outcome
                }
                Err(error) => {
                    task.refuse(error, report, alone, others);
                    outcome
                }
            };
            self.agent.metrics.reported(outcome);
        }
    }
}

impl Task {
    /// Takes in the error of the report that was sent of it, `alone` or with more. What is too large beside `others`, which
    /// the controller has still to take, may fit later.
    fn refuse(&mut self, error: &ReportError, report: &Report, alone: bool, others: bool) {
        match error {
            ReportError::Gone { .. } => self.dropped(),
            // Its progress can be said another time, and its end alone ends it.
            _ if !report.end => {}
            ReportError::Refused { .. } if alone => self.cannot_be_told(error, ""),
            ReportError::TooLarge { .. } if alone && (!others || report.is_large()) => {
                self.cannot_be_told(error, "; declare fewer or smaller outputs");
            }
            _ => {}
        }
    }
}
