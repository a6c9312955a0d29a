//! Reports the results of one WorkflowTaskSet to Argo. It sends one request at a time, and retries until the API
//! server accepts the report or Argo no longer waits for it.

use std::time::Duration;

use backon::ExponentialBackoff;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Agent;
use crate::argo::NodeResult;
use crate::kube::{KubeError, ReportBasis, ReportError, Reported, TaskResult, TaskSetId};
use crate::metrics::ReportOutcome;
use crate::time_limits::pauses::endless;

/// The shortest and the longest pause before a failed report is retried.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// A report of one node's result.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) id: String,
    /// Tells this task from earlier and later tasks of the same node.
    pub(super) round: u64,
    /// The `plugin` object of the task's template.
    pub(super) guard: serde_json::Value,
    pub(super) result: NodeResult,
    /// Whether this is the node's final result.
    pub(super) end: bool,
}

/// The reports of one request, and its outcome.
pub(super) struct RequestOutcome {
    pub(super) reports: Vec<Report>,
    pub(super) outcome: Result<Reported, ReportError>,
}

/// Sends the reports of one WorkflowTaskSet, one request at a time.
pub(super) struct StatusReporter {
    set: TaskSetId,
    basis: ReportBasis,
    in_flight: Option<BoxFuture<'static, RequestOutcome>>,
    /// The earliest time of the next request.
    not_before: Instant,
    pauses: ExponentialBackoff,
    /// The API server refused several reports in one request, so each is now sent alone.
    one_at_a_time: bool,
}

impl StatusReporter {
    pub(super) fn new(set: TaskSetId, basis: ReportBasis) -> Self {
        Self {
            set,
            basis,
            in_flight: None,
            not_before: Instant::now(),
            pauses: pauses(),
            one_at_a_time: false,
        }
    }

    /// Stores the state of the set that the next report is based on.
    pub(super) fn set_basis(&mut self, basis: ReportBasis) {
        self.basis = basis;
    }

    /// Whether no request is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_none()
    }

    /// The earliest time of the next request.
    pub(super) fn not_before(&self) -> Instant {
        self.not_before
    }

    /// Sends `reports`, or only the first of them. The caller passes the rest again later. `permit` is for a request
    /// that reports progress only; a request with a final result waits for a permit of its own.
    pub(super) fn send(
        &mut self,
        agent: &Agent,
        mut reports: Vec<Report>,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        if self.one_at_a_time {
            reports.truncate(1);
        }
        let ends = reports.iter().any(|report| report.end).then(|| agent.permits.end());
        let permit = permit.filter(|_| ends.is_none());
        let (cluster, set, basis) = (agent.cluster.clone(), self.set.clone(), self.basis.clone());
        let in_flight = async move {
            let _permit = match ends {
                Some(end) => end.await,
                None => permit,
            };
            let results: Vec<_> = reports.iter().map(Report::to_result).collect();
            let outcome = cluster.report(&set, &basis, &results).await;
            RequestOutcome { reports, outcome }
        };
        self.in_flight = Some(in_flight.boxed());
    }

    /// Waits for the answer to the request in flight.
    pub(super) async fn answer(&mut self) -> RequestOutcome {
        let Some(in_flight) = &mut self.in_flight else { return std::future::pending().await };
        let answer = in_flight.await;
        self.in_flight = None;
        answer
    }

    /// Handles an answer: stores the set's new version, or the time of the next try. Returns the outcome of the
    /// reports.
    pub(super) fn handle_answer(&mut self, answer: &RequestOutcome) -> ReportOutcome {
        match &answer.outcome {
            Ok(reported) => {
                self.basis = reported.basis.clone();
                (self.pauses, self.not_before) = (pauses(), Instant::now());
                ReportOutcome::Accepted
            }
            Err(ReportError::Gone { .. }) => ReportOutcome::Withdrawn,
            Err(ReportError::TooLarge { .. }) => self.one_by_one(answer, ReportOutcome::TooLarge),
            Err(ReportError::Refused { .. }) => self.one_by_one(answer, ReportOutcome::Refused),
            Err(error) => {
                if matches!(error, ReportError::Kube(KubeError::Forbidden { .. })) {
                    warn!("{error}");
                } else {
                    debug!("{error}; trying again");
                }
                self.wait();
                ReportOutcome::Failed
            }
        }
    }

    /// Sends each report alone from now on, because one of several was refused. A report that is refused alone is
    /// retried after a pause.
    fn one_by_one(&mut self, answer: &RequestOutcome, outcome: ReportOutcome) -> ReportOutcome {
        if answer.reports.len() == 1 {
            self.wait();
        }
        self.one_at_a_time = true;
        outcome
    }

    fn wait(&mut self) {
        self.not_before = Instant::now() + self.pauses.next().unwrap_or(PAUSE.1);
    }
}

impl Report {
    /// The size in bytes above which a single report counts as large for a set.
    const LARGE: usize = 256 << 10;

    pub(super) fn is_large(&self) -> bool {
        serde_json::to_vec(&self.result).is_ok_and(|text| text.len() > Self::LARGE)
    }

    fn to_result(&self) -> TaskResult {
        // Serializing a structure of strings cannot fail.
        let result = serde_json::to_value(&self.result).unwrap_or_default();
        TaskResult { id: self.id.clone(), guard: self.guard.clone(), result }
    }
}

fn pauses() -> ExponentialBackoff {
    endless(PAUSE.0, PAUSE.1)
}
