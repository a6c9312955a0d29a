//! The reports of one WorkflowTaskSet: one at a time, and again until they are taken or nobody waits for them.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Agent;
use crate::argo::NodeResult;
use crate::kube::{Form, ReportError, Reported, TaskResult, TaskSetId};
use crate::metrics::ReportOutcome;

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

/// Who reports.
pub(super) struct Clerk {
    set: TaskSetId,
    form: Form,
    flight: Option<BoxFuture<'static, Answer>>,
    /// Nothing is sent before.
    not_before: Instant,
    pauses: ExponentialBackoff,
    /// All together were too large.
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

    /// When the next may be sent.
    pub(super) fn not_before(&self) -> Instant {
        self.not_before
    }

    /// Sends what it can of `reports`: the rest is to be given again. Where all of them are progress, `room` is for them.
    pub(super) fn send(
        &mut self,
        agent: &Agent,
        mut reports: Vec<Report>,
        room: Option<OwnedSemaphorePermit>,
    ) {
        if self.singly {
            reports.truncate(1);
        }
        let ends = reports.iter().any(|report| report.end).then(|| agent.room.end());
        let (cluster, set, form) = (agent.cluster.clone(), self.set.clone(), self.form.clone());
        let flight = async move {
            let _room = match ends {
                Some(end) => end.await,
                None => room,
            };
            let results: Vec<_> = reports.iter().map(result).collect();
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

    /// Goes by an answer: what was learnt of the set, and when to try again. Says what each of the reports came to.
    pub(super) fn heed(&mut self, answer: &Answer) -> ReportOutcome {
        let outcome = match &answer.outcome {
            Ok(reported) => {
                self.form = reported.form.clone();
                (self.pauses, self.not_before) = (pauses(), Instant::now());
                return ReportOutcome::Accepted;
            }
            Err(ReportError::Gone { .. }) => return ReportOutcome::Withdrawn,
            Err(ReportError::TooLarge { .. } | ReportError::Refused { .. }) => {
                // What is refused even alone is refused again.
                if answer.reports.len() == 1 {
                    self.wait();
                }
                self.singly = true;
                return ReportOutcome::TooLarge;
            }
            Err(error) => error,
        };
        if matches!(outcome, ReportError::Forbidden { .. }) {
            warn!("{outcome}");
        } else {
            debug!("{outcome}; trying again");
        }
        self.wait();
        ReportOutcome::Failed
    }

    fn wait(&mut self) {
        self.not_before = Instant::now() + self.pauses.next().unwrap_or(PAUSE.1);
    }
}

fn result(report: &Report) -> TaskResult {
    // A structure of strings is always JSON.
    let result = serde_json::to_value(&report.result).unwrap_or_default();
    TaskResult { id: report.id.clone(), guard: report.guard.clone(), result }
}

fn pauses() -> ExponentialBackoff {
    let builder = ExponentialBuilder::default().with_min_delay(PAUSE.0).with_max_delay(PAUSE.1);
    builder.with_jitter().without_max_times().build()
}
