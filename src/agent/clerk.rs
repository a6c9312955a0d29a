//! The reports of one WorkflowTaskSet: one at a time, and again until they are taken or nobody waits for them.

use std::time::Duration;

use backon::ExponentialBackoff;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Agent;
use crate::argo::NodeResult;
use crate::kube::{Form, KubeError, ReportError, Reported, TaskResult, TaskSetId};
use crate::metrics::ReportOutcome;
use crate::time_limits::pauses::endless;

/// The shortest and the longest pause after a report that the API server did not take.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// What is to be said of one node.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) id: String,
    /// Which of several tasks of the node it is of.
    pub(super) round: u64,
    /// The `plugin` of the task.
    pub(super) guard: serde_json::Value,
    pub(super) result: NodeResult,
    /// Whether it is the node's end.
    pub(super) end: bool,
}

/// Reports that were sent, and what became of them.
pub(super) struct Answer {
    pub(super) reports: Vec<Report>,
    pub(super) outcome: Result<Reported, ReportError>,
}

/// Sends the reports of one WorkflowTaskSet, one at a time.
pub(super) struct Clerk {
    set: TaskSetId,
    form: Form,
    flight: Option<BoxFuture<'static, Answer>>,
    /// The earliest time of the next report.
    not_before: Instant,
    pauses: ExponentialBackoff,
    /// Several together were refused.
    singly: bool,
}

impl Clerk {
    pub(super) fn new(set: TaskSetId, form: Form) -> Self {
        Self { set, form, flight: None, not_before: Instant::now(), pauses: pauses(), singly: false }
    }

    /// The set has this form now.
    pub(super) fn saw(&mut self, form: Form) {
        self.form = form;
    }

    /// Whether nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.flight.is_none()
    }

    /// The time from which the next report may be sent.
    pub(super) fn not_before(&self) -> Instant {
        self.not_before
    }

    /// Sends what it can of `reports`: the rest is to be given again. Where all of them are progress, `permit` is for them.
    pub(super) fn send(
        &mut self,
        agent: &Agent,
        mut reports: Vec<Report>,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        if self.singly {
            reports.truncate(1);
        }
        let ends = reports.iter().any(|report| report.end).then(|| agent.permits.end());
        let permit = permit.filter(|_| ends.is_none());
        let (cluster, set, form) = (agent.cluster.clone(), self.set.clone(), self.form.clone());
        let flight = async move {
            let _permit = match ends {
                Some(end) => end.await,
                None => permit,
            };
            let results: Vec<_> = reports.iter().map(Report::to_result).collect();
            let outcome = cluster.report(&set, &form, &results).await;
            Answer { reports, outcome }
        };
        self.flight = Some(flight.boxed());
    }

    /// The answer to what was sent.
    pub(super) async fn answer(&mut self) -> Answer {
        let Some(flight) = &mut self.flight else { return std::future::pending().await };
        let answer = flight.await;
        self.flight = None;
        answer
    }

    /// Takes in an answer: remembers the set's version and when to try again. Returns what became of the reports.
    pub(super) fn heed(&mut self, answer: &Answer) -> ReportOutcome {
        match &answer.outcome {
            Ok(reported) => {
                self.form = reported.form.clone();
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

    /// One of several reports is at fault, so each is sent alone from now on. A report that is refused alone waits before it is sent again.
    fn one_by_one(&mut self, answer: &Answer, outcome: ReportOutcome) -> ReportOutcome {
        if answer.reports.len() == 1 {
            self.wait();
        }
        self.singly = true;
        outcome
    }

    fn wait(&mut self) {
        self.not_before = Instant::now() + self.pauses.next().unwrap_or(PAUSE.1);
    }
}

impl Report {
    /// More than this, in bytes, is what fills a set.
    const LARGE: usize = 256 << 10;

    pub(super) fn is_large(&self) -> bool {
        serde_json::to_vec(&self.result).is_ok_and(|text| text.len() > Self::LARGE)
    }

    fn to_result(&self) -> TaskResult {
        // A structure of strings is always JSON.
        let result = serde_json::to_value(&self.result).unwrap_or_default();
        TaskResult { id: self.id.clone(), guard: self.guard.clone(), result }
    }
}

fn pauses() -> ExponentialBackoff {
    endless(PAUSE.0, PAUSE.1)
}
