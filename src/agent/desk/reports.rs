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
        let mut reports: Vec<_> = self.tasks.iter_mut().filter_map(report).collect();
        // Where only some are sent, ends go first.
        reports.sort_by_key(|report| !report.end);
        if !reports.is_empty() {
            self.clerk.send(&self.agent, reports, room);
        }
    }

    /// What became of what was sent.
    pub(super) fn answered(&mut self, answer: Answer) {
        let outcome = self.clerk.heed(&answer);
        let several = answer.reports.len() > 1;
        // What is too large beside others may fit once the controller has taken theirs.
        let alone =
            !self.tasks.values().any(|task| matches!(&task.stage, Stage::Over(over) if over.was_told()));
        for report in answer.reports {
            let Some(task) = self.tasks.get_mut(&report.id).filter(|task| task.round == report.round) else {
                continue;
            };
            let mut counted = outcome;
            match &answer.outcome {
                Ok(reported) if reported.withdrawn.contains(&report.id) => {
                    task.dropped();
                    counted = ReportOutcome::Withdrawn;
                }
                Ok(reported) if report.end => {
                    let took = task.accepted(&reported.resource_version);
                    took.into_iter().for_each(|took| self.agent.metrics.report_took(took));
                }
                Err(ReportError::Gone { .. }) => task.dropped(),
                Err(error @ ReportError::Refused { .. }) if !several => task.cannot_be_told(error),
                Err(error @ ReportError::TooLarge { .. }) if !several && (alone || report.is_large()) => {
                    task.cannot_be_told(error);
                }
                _ => {}
            }
            self.agent.metrics.reported(counted);
        }
    }
}

/// More than this, in bytes, is what fills a set.
const LARGE: usize = 256 << 10;

impl Report {
    fn is_large(&self) -> bool {
        serde_json::to_vec(&self.result).is_ok_and(|text| text.len() > LARGE)
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
