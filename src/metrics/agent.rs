//! The metrics of the shared agent.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::{ResultLabels, add};

/// The outcome of a report, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportOutcome {
    /// The API server accepted it.
    Accepted,
    /// It was no longer wanted, so nothing was written.
    Withdrawn,
    /// It is too large for the cluster.
    TooLarge,
    /// The API server refused its content.
    Refused,
    /// It failed, and will be retried.
    Failed,
}

impl ReportOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Withdrawn => "withdrawn",
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Metrics of the shared agent.
#[derive(Clone)]
pub struct AgentMetrics {
    leading: Gauge,
    tasks: Gauge,
    seen: Histogram,
    report_seconds: Histogram,
    reports: Family<ResultLabels, Counter>,
    relists: Counter,
}

/// A task, which is counted until this is dropped.
pub struct TaskCount(Gauge);

impl AgentMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        // 5 ms to 22 min.
        let seconds = || Histogram::new(exponential_buckets(0.005, 4.0, 10));
        Self {
            leading: add(registry, "agent_leading", "Whether this replica works: 1 or 0", Gauge::default()),
            tasks: add(registry, "agent_tasks", "Tasks taken whose jobs have not ended", Gauge::default()),
            seen: add(
                registry,
                "agent_seen_seconds",
                "From a task set's creation, which Kubernetes knows to the second, to our seeing it",
                seconds(),
            ),
            report_seconds: add(
                registry,
                "agent_report_seconds",
                "From a step's end to the API server's having its result",
                seconds(),
            ),
            reports: add(
                registry,
                "agent_reports",
                "Results and progress reported, by what became of the report",
                Family::default(),
            ),
            relists: add(
                registry,
                "agent_relists",
                "Lists of all task sets, of which one is usual",
                Counter::default(),
            ),
        }
    }

    /// Records whether this replica leads.
    pub fn leading(&self, leads: bool) {
        self.leading.set(leads.into());
    }

    /// Counts a task.
    pub fn task(&self) -> TaskCount {
        self.tasks.inc();
        TaskCount(self.tasks.clone())
    }

    /// Records the time from a task set's creation until it was seen.
    pub fn seen_after(&self, lag: Duration) {
        self.seen.observe(lag.as_secs_f64());
    }

    /// Records the time from the end of a step until its report was accepted.
    pub fn report_took(&self, took: Duration) {
        self.report_seconds.observe(took.as_secs_f64());
    }

    /// Counts the outcome of the report of one node.
    pub fn reported(&self, outcome: ReportOutcome) {
        self.reports.get_or_create(&ResultLabels { result: outcome.label() }).inc();
    }

    /// Counts a new list of all task sets.
    pub fn relisted(&self) {
        self.relists.inc();
    }
}

impl Drop for TaskCount {
    fn drop(&mut self) {
        self.0.dec();
    }
}
