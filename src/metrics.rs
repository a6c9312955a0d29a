//! Prometheus metrics. Labels are step kinds, outcomes and status codes, so the number of series is bounded.

mod agent;

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

use crate::limits::descriptors::Descriptors;

pub use agent::{AgentMetrics, ReportOutcome, TaskCount};

/// The outcome of a step, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// It succeeded.
    Succeeded,
    /// The user must act.
    Failed,
    /// Another party must act.
    Error,
    /// It was stopped: timeout, drain, withdrawn by Argo, or no longer polled.
    Cancelled,
}

impl StepOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The outcome of a write-back, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteBackResult {
    /// It has a commit of its own.
    Committed,
    /// It shares a commit with other writers.
    Batched,
    /// It is in a pull request.
    Proposed,
    /// The files had the values already.
    Unchanged,
    /// A newer change was there already.
    Superseded,
    /// It was only previewed.
    Previewed,
}

impl WriteBackResult {
    fn label(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Batched => "batched",
            Self::Proposed => "proposed",
            Self::Unchanged => "unchanged",
            Self::Superseded => "superseded",
            Self::Previewed => "previewed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MessageLabels {
    to: &'static str,
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
struct VertexLabels {
    cached: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: u16,
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    steps: Family<StepLabels, Counter>,
    seconds: Family<KindLabels, Histogram, fn() -> Histogram>,
    vertices: Family<VertexLabels, Counter>,
    requests: Family<CodeLabels, Counter>,
    queued: Gauge<u32, std::sync::atomic::AtomicU32>,
    running: Gauge<u32, std::sync::atomic::AtomicU32>,
    tasks: Gauge,
    open_files: Gauge,
    waited: Histogram,
    push_attempts: Counter,
    manifests: Family<ResultLabels, Counter>,
    refreshes: Family<ResultLabels, Counter>,
    syncs: Family<ResultLabels, Counter>,
    commit_statuses: Family<ResultLabels, Counter>,
    notifications: Family<MessageLabels, Counter>,
    polled: Family<ResultLabels, Counter>,
    copied_bytes: Counter,
    spared_blobs: Family<ResultLabels, Counter>,
    builds_waiting: Gauge,
}

/// A build that waits for a daemon. Dropping it ends the wait.
#[derive(Debug)]
pub struct WaitingBuild(Gauge);

impl Drop for WaitingBuild {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// The media type of [`Metrics::encode`]'s text.
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Creates all metrics, with the value zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("argo_buildkit");
        // 0.05 s to 27 min: a warm build to a cold one.
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.05, 2.0, 16));
        Self {
            steps: add(&mut registry, "steps", "Steps that ended, by kind and outcome", Family::default()),
            seconds: add(
                &mut registry,
                "step_seconds",
                "How long steps took, in seconds",
                Family::new_with_constructor(buckets),
            ),
            vertices: add(
                &mut registry,
                "build_vertices",
                "BuildKit vertices, by whether the cache had them",
                Family::default(),
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
            push_attempts: add(
                &mut registry,
                "git_push_attempts",
                "Pushes tried, conflicts included",
                Counter::default(),
            ),
            manifests: add(
                &mut registry,
                "manifest_updates",
                "Manifest updates that ended well, by what became of the change",
                Family::default(),
            ),
            refreshes: add(
                &mut registry,
                "argocd_refreshes",
                "Refreshes of Argo CD Applications after a commit, by result",
                Family::default(),
            ),
            syncs: add(
                &mut registry,
                "syncs",
                "Waits for a deployment that ended, by result",
                Family::default(),
            ),
            commit_statuses: add(
                &mut registry,
                "commit_statuses",
                "Commit statuses of forges, by whether they were written",
                Family::default(),
            ),
            notifications: add(
                &mut registry,
                "notifications",
                "Messages of `notify`, by service and result; `digested` are those that were sent together with others",
                Family::default(),
            ),
            polled: add(
                &mut registry,
                "polled",
                "Branches, tags and services that `poll` looked at, by result",
                Family::default(),
            ),
            copied_bytes: add(
                &mut registry,
                "push_copied_bytes",
                "Bytes of blobs that push steps copied between repositories",
                Counter::default(),
            ),
            spared_blobs: add(
                &mut registry,
                "push_spared_blobs",
                "Blobs that push steps did not copy, by why",
                Family::default(),
            ),
            builds_waiting: add(
                &mut registry,
                "builds_waiting",
                "Builds that wait for a place on a buildkitd",
                Gauge::default(),
            ),
            registry,
        }
    }

    /// Creates all metrics and those of the shared agent, which other processes do not have.
    pub fn with_agent() -> (Self, AgentMetrics) {
        let mut metrics = Self::new();
        let agent = AgentMetrics::register(&mut metrics.registry);
        (metrics, agent)
    }

    /// Records the end of a step of the kind named `kind`.
    pub fn step_ended(&self, kind: &'static str, outcome: StepOutcome, took: Duration) {
        self.steps.get_or_create(&StepLabels { kind, outcome: outcome.label() }).inc();
        self.seconds.get_or_create(&KindLabels { kind }).observe(took.as_secs_f64());
    }

    /// Records how long a job waited for a slot.
    pub fn job_waited(&self, waited: Duration) {
        self.waited.observe(waited.as_secs_f64());
    }

    /// Records the number of a build's vertices, and how many came from the cache.
    pub fn vertices(&self, cached: u64, total: u64) {
        self.vertices.get_or_create(&VertexLabels { cached: "true" }).inc_by(cached);
        self.vertices.get_or_create(&VertexLabels { cached: "false" }).inc_by(total.saturating_sub(cached));
    }

    /// Records the outcome of a write-back and the number of its pushes.
    pub fn write_back_ended(&self, result: WriteBackResult, attempts: u64) {
        self.push_attempts.inc_by(attempts);
        self.manifests.get_or_create(&ResultLabels { result: result.label() }).inc();
    }

    /// Records whether a refresh of Argo CD succeeded.
    pub fn refreshed(&self, done: bool) {
        let result = if done { "refreshed" } else { "failed" };
        self.refreshes.get_or_create(&ResultLabels { result }).inc();
    }

    /// Records the end of a wait for a deployment: `healthy`, `superseded` or `failed`.
    pub fn synced(&self, result: &'static str) {
        self.syncs.get_or_create(&ResultLabels { result }).inc();
    }

    /// Records a commit status: `posted`, `unchanged` or `failed`.
    pub fn commit_status_set(&self, result: &'static str) {
        self.commit_statuses.get_or_create(&ResultLabels { result }).inc();
    }

    /// Records what became of a message to the service `to`: `sent`, `digested` or `failed`.
    pub fn notified(&self, to: &'static str, result: &'static str) {
        self.notifications.get_or_create(&MessageLabels { to, result }).inc();
    }

    /// Records that `poll` looked at `count` branches, tags or services with this result.
    pub fn polled(&self, result: &'static str, count: usize) {
        self.polled.get_or_create(&ResultLabels { result }).inc_by(count as u64);
    }

    /// Records a copy: its bytes, and the blobs that were mounted or present.
    pub fn copied(&self, bytes: u64, mounted: u64, present: u64) {
        self.copied_bytes.inc_by(bytes);
        for (result, count) in [("mounted", mounted), ("present", present)] {
            self.spared_blobs.get_or_create(&ResultLabels { result }).inc_by(count);
        }
    }

    /// Counts a build that waits for a daemon, until the result is dropped.
    pub fn build_waits(&self) -> WaitingBuild {
        self.builds_waiting.inc();
        WaitingBuild(self.builds_waiting.clone())
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
