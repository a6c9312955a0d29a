//! The reports of a worker, and the answers to them.

use tokio::time::Instant;

use super::{Task, TaskSetWorker};
use crate::agent::reporter::{Report, RequestOutcome};
use crate::kube::ReportError;
use crate::metrics::ReportOutcome;

impl TaskSetWorker {
    /// Sends the reports that are due, if this replica may report.
    pub(super) fn report(&mut self) {
        if !self.may_report() || !self.reporter.is_idle() || self.reporter.not_before() > Instant::now() {
            return;
        }
        let (jobs, permit) = (&self.agent.jobs, self.agent.permits.progress());
        let report = |(id, task): (&String, &mut Task)| {
            let (result, end) = task.next_result(jobs, permit.is_some())?;
            Some(Report { id: id.clone(), round: task.round, guard: task.guard.clone(), result, end })
        };
        let mut reports: Vec<_> = self.tasks.iter_mut().filter_map(report).collect();
        // Final results go first, because not all reports may be sent.
        reports.sort_by_key(|report| !report.end);
        if !reports.is_empty() {
            self.reporter.send(&self.agent, reports, permit);
        }
    }

    /// Handles the answer to a request.
    pub(super) fn report_answered(&mut self, answer: RequestOutcome) {
        let outcome = self.reporter.handle_answer(&answer);
        let others = self.tasks.values().any(Task::is_reported);
        let alone = answer.reports.len() == 1;
        for report in &answer.reports {
            let task = self.tasks.get_mut(&report.id).filter(|task| task.round == report.round);
            let Some(task) = task else { continue };
            let outcome = match &answer.outcome {
                Ok(reported) if reported.withdrawn.contains(&report.id) => {
                    task.dropped();
                    ReportOutcome::Withdrawn
                }
                // The job may have ended after this progress report was sent. Its final result is still to be
                // reported.
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
    /// Handles the error of a request with this task's report, sent `alone` or with other reports. A result that is
    /// too large next to `others`, which the controller has not removed yet, may fit later.
    fn refuse(&mut self, error: &ReportError, report: &Report, alone: bool, others: bool) {
        match error {
            ReportError::Gone { .. } => self.dropped(),
            // Progress is reported again later, and only a final result may end the task.
            _ if !report.end => {}
            ReportError::Refused { .. } if alone => self.replace_unreportable(error, ""),
            ReportError::TooLarge { .. } if alone && (!others || report.is_large()) => {
                self.replace_unreportable(error, "; declare fewer or smaller outputs");
            }
            _ => {}
        }
    }
}
