//! What the shared agent counts beside.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::{ResultLabels, add};

/// What became of a report, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportOutcome {
    /// The API server has it.
    Accepted,
    /// Nobody waited for it: nothing was written.
    Withdrawn,
    /// The cluster does not keep anything so large.
    TooLarge,
    /// The API server refuses its content.
    Refused,
    /// It is tried again.
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

/// A task that is counted until this is dropped.
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

    /// Whether we lead.
    pub fn leading(&self, leads: bool) {
        self.leading.set(leads.into());
    }

    /// One more task.
    pub fn task(&self) -> TaskCount {
        self.tasks.inc();
        TaskCount(self.tasks.clone())
    }

    /// A task set was seen so long after its creation.
    pub fn seen_after(&self, lag: Duration) {
        self.seen.observe(lag.as_secs_f64());
    }

    /// The end of a step was accepted so long after it.
    pub fn report_took(&self, took: Duration) {
        self.report_seconds.observe(took.as_secs_f64());
    }

    /// What became of the report of one node.
    pub fn reported(&self, outcome: ReportOutcome) {
        self.reports.get_or_create(&ResultLabels { result: outcome.label() }).inc();
    }

    /// All task sets are listed.
    pub fn relisted(&self) {
        self.relists.inc();
    }
}

impl Drop for TaskCount {
    fn drop(&mut self) {
        self.0.dec();
    }
}
