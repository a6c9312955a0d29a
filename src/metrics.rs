//! Prometheus metrics. Labels are step kinds, outcomes and status codes, and a limited number of names that tenants choose (`names`). So
//! the number of series is bounded.

mod agent;
mod builds;
mod deployments;
mod kinds;
mod names;
mod outcomes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

use crate::limits::descriptors::Descriptors;
use builds::Builds;
use deployments::Deployments;
use kinds::KindMetrics;

pub use agent::{AgentMetrics, ReportOutcome, TaskCount};
pub use builds::WaitingBuild;
pub use outcomes::{BuildOutcome, DeploymentOutcome, StepOutcome, WriteBackResult};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: u16,
}

/// The labels of an exemplar: not of the series, but of one of its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabels {
    trace_id: String,
}

/// Durations, with the trace of one of each bucket.
type TracedHistogram = HistogramWithExemplars<TraceLabels>;

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    steps: Family<StepLabels, Counter>,
    seconds: Family<KindLabels, TracedHistogram, fn() -> TracedHistogram>,
    requests: Family<CodeLabels, Counter>,
    queued: Gauge<u32, std::sync::atomic::AtomicU32>,
    running: Gauge<u32, std::sync::atomic::AtomicU32>,
    tasks: Gauge,
    open_files: Gauge,
    waited: Histogram,
    kinds: KindMetrics,
    builds: Builds,
    deployments: Deployments,
}

impl Metrics {
    /// The media type of [`Metrics::encode`]'s text.
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Creates all metrics, with the value zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("argo_buildkit");
        // 0.05 s to 27 min: a warm build to a cold one.
        let buckets: fn() -> TracedHistogram = || TracedHistogram::new(exponential_buckets(0.05, 2.0, 16));
        Self {
            steps: add(&mut registry, "steps", "Steps that ended, by kind and outcome", Family::default()),
            seconds: add(
                &mut registry,
                "step_seconds",
                "How long steps took, in seconds",
                Family::new_with_constructor(buckets),
            ),
            requests: add(
                &mut registry,
                "rpc_requests",
                "Requests on the plugin's port, by status code",
                Family::default(),
            ),
            queued: add(&mut registry, "jobs_queued", "Jobs that wait for a slot", Gauge::default()),
            running: add(&mut registry, "jobs_running", "Jobs that work", Gauge::default()),
            tasks: add(&mut registry, "tasks", "Tasks of the runtime that have not ended", Gauge::default()),
            open_files: add(&mut registry, "open_files", "File descriptors that are open", Gauge::default()),
            waited: add(
                &mut registry,
                "job_queue_seconds",
                "How long jobs waited for a slot, in seconds",
                // 5 ms to 22 min.
                Histogram::new(exponential_buckets(0.005, 4.0, 10)),
            ),
            kinds: KindMetrics::register(&mut registry),
            builds: Builds::register(&mut registry),
            deployments: Deployments::register(&mut registry),
            registry,
        }
    }

    /// Creates all metrics and those of the shared agent, which other processes do not have.
    pub fn with_agent() -> (Self, AgentMetrics) {
        let mut metrics = Self::new();
        let agent = AgentMetrics::register(&mut metrics.registry);
        (metrics, agent)
    }

    /// Records the end of a step of the kind named `kind`. `trace_id` is the trace in which it is, if traces are sent.
    pub fn step_ended(
        &self,
        kind: &'static str,
        outcome: StepOutcome,
        took: Duration,
        trace_id: Option<String>,
    ) {
        self.steps.get_or_create(&StepLabels { kind, outcome: outcome.label() }).inc();
        let trace = trace_id.map(|trace_id| TraceLabels { trace_id });
        self.seconds.get_or_create(&KindLabels { kind }).observe(took.as_secs_f64(), trace, None);
    }

    /// Records how long a job waited for a slot.
    pub fn job_waited(&self, waited: Duration) {
        self.waited.observe(waited.as_secs_f64());
    }

    /// Records the status of an answer to a request.
    pub fn answered(&self, code: u16) {
        self.requests.get_or_create(&CodeLabels { code }).inc();
    }

    /// All metrics as OpenMetrics text, with the present numbers of queued and running jobs.
    pub fn encode(&self, queued: usize, running: usize) -> Result<String, fmt::Error> {
        self.queued.set(u32::try_from(queued).unwrap_or(u32::MAX));
        self.running.set(u32::try_from(running).unwrap_or(u32::MAX));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.tasks.set(runtime.metrics().num_alive_tasks().try_into().unwrap_or(i64::MAX));
        }
        if let Some(files) = Descriptors::count() {
            self.open_files.set(files.open.try_into().unwrap_or(i64::MAX));
        }
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// Registers a metric, and returns it.
fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
