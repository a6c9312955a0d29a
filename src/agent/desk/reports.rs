//! What a desk reports, and what it learns by it.

use tokio::time::Instant;

use super::Desk;
use crate::agent::clerk::{Answer, Report};
use crate::agent::task::Stage;
use crate::argo::NodeResult;
use crate::kube::ReportError;
use crate::metrics::ReportOutcome;

impl Desk {
    /// Sends what is to be reported by now, if it may.
    pub(super) fn report(&mut self) {
        if !self.may_report() || !self.clerk.is_idle() || self.clerk.not_before() > Instant::now() {
            return;
        }
        let (jobs, mut room) = (&self.agent.jobs, None);
        let mut may_tell = || {
            room = room.take().or_else(|| self.agent.room.progress());
            room.is_some()
        };
        let report = |(id, task): (&String, &mut super::Task)| {
            let (result, end) = task.report(jobs, &mut may_tell)?;
            Some(Report { id: id.clone(), round: task.round, guard: task.guard.clone(), result, end })
        };
        let reports: Vec<_> = self.tasks.iter_mut().filter_map(report).collect();
        if !reports.is_empty() {
            self.clerk.send(&self.agent, reports, room);
        }
    }

    /// What became of what was sent.
    pub(super) fn answered(&mut self, answer: Answer) {
        let outcome = self.clerk.heed(&answer);
        let several = answer.reports.len() > 1;
        for report in answer.reports {
            let Some(task) = self.tasks.get_mut(&report.id).filter(|task| task.round == report.round) else {
                continue;
            };
            let mut counted = outcome;
            match &answer.outcome {
                Ok(reported) if reported.withdrawn.contains(&report.id) => {
                    task.stage = Stage::Dropped;
                    counted = ReportOutcome::Withdrawn;
                }
                Ok(reported) if report.end => {
                    let took = task.accepted(&reported.resource_version);
                    took.into_iter().for_each(|took| self.agent.metrics.report_took(took));
                }
                Err(ReportError::Gone { .. }) => task.stage = Stage::Dropped,
                Err(error @ (ReportError::TooLarge { .. } | ReportError::Refused { .. })) if !several => {
                    task.cannot_be_told(error);
                }
                _ => {}
            }
            self.agent.metrics.reported(counted);
        }
    }
}

impl super::Task {
    /// Its result is more than the cluster takes: a small failure, for otherwise the workflow would wait for ever.
    fn cannot_be_told(&mut self, why: &ReportError) {
        if let Stage::Ended { result, .. } = &mut self.stage {
            let phase = format!("{:?}", result.phase);
            *result = NodeResult::failed(format!(
                "the step ended as {phase}, but Argo cannot be told its outputs: {why}; declare fewer or smaller outputs"
            ));
        }
    }
}
