//! The metrics of builds and of their caches.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::names::Names;
use super::{BuildOutcome, Metrics, ResultLabels, add};

/// The buckets of durations, in seconds. There are few of them, because each image has them all.
const SECONDS: [f64; 11] = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    workflow_namespace: String,
    image: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ImageLabels {
    workflow_namespace: String,
    image: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VertexLabels {
    cached: &'static str,
}

/// The metrics of builds.
pub(super) struct Builds {
    images: Mutex<Names>,
    ended: Family<BuildLabels, Counter>,
    seconds: Family<ImageLabels, Histogram, fn() -> Histogram>,
    vertices: Family<VertexLabels, Counter>,
    waiting: Gauge,
    waited: Histogram,
    exports: Family<ResultLabels, Counter>,
    left_out: Counter,
}

/// A build that waits for a daemon. Dropping it ends the wait.
#[derive(Debug)]
pub struct WaitingBuild {
    waiting: Gauge,
    waited: Histogram,
    since: Instant,
}

impl Drop for WaitingBuild {
    fn drop(&mut self) {
        self.waiting.dec();
        self.waited.observe(self.since.elapsed().as_secs_f64());
    }
}

impl Builds {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let buckets: fn() -> Histogram = || Histogram::new(SECONDS);
        Self {
            images: Mutex::default(),
            ended: add(registry, "builds", "Builds that ended, by image and outcome", Family::default()),
            seconds: add(
                registry,
                "build_seconds",
                "How long builds took that succeeded, with their waits, in seconds",
                Family::new_with_constructor(buckets),
            ),
            vertices: add(
                registry,
                "build_vertices",
                "BuildKit vertices, by whether the cache had them",
                Family::default(),
            ),
            waiting: add(
                registry,
                "builds_waiting",
                "Builds that wait for a place on a buildkitd",
                Gauge::default(),
            ),
            waited: add(
                registry,
                "build_wait_seconds",
                "How long builds waited for a place on a buildkitd, in seconds",
                // 5 ms to 22 min.
                Histogram::new(exponential_buckets(0.005, 4.0, 10)),
            ),
            exports: add(
                registry,
                "cache_exports",
                "Exports of caches to a registry, by result",
                Family::default(),
            ),
            left_out: add(
                registry,
                "caches_left_out",
                "Caches that builds did without, because they could not be read",
                Counter::default(),
            ),
        }
    }
}

impl Metrics {
    /// Records the end of a build of `image`, a repository with its registry, by a workflow of `namespace`.
    pub fn build_ended(&self, namespace: &str, image: &str, outcome: BuildOutcome, took: Duration) {
        let succeeded = outcome == BuildOutcome::Succeeded;
        let mut images = self.builds.images.lock().unwrap_or_else(PoisonError::into_inner);
        let [workflow_namespace, image] = images.labels(namespace, image, succeeded);
        drop(images);
        let labels = ImageLabels { workflow_namespace, image };
        if succeeded {
            self.builds.seconds.get_or_create(&labels).observe(took.as_secs_f64());
        }
        let ImageLabels { workflow_namespace, image } = labels;
        let labels = BuildLabels { workflow_namespace, image, outcome: outcome.label() };
        self.builds.ended.get_or_create(&labels).inc();
    }

    /// Records the number of a build's vertices, and how many came from the cache.
    pub fn vertices(&self, cached: u64, total: u64) {
        let vertices = &self.builds.vertices;
        vertices.get_or_create(&VertexLabels { cached: "true" }).inc_by(cached);
        vertices.get_or_create(&VertexLabels { cached: "false" }).inc_by(total.saturating_sub(cached));
    }

    /// Counts a build that waits for a daemon, until the result is dropped.
    pub fn build_waits(&self) -> WaitingBuild {
        let Builds { waiting, waited, .. } = &self.builds;
        waiting.inc();
        WaitingBuild { waiting: waiting.clone(), waited: waited.clone(), since: Instant::now() }
    }

    /// Records the export of a build's cache: `exported`, `skipped` or `failed`.
    pub fn cache_export_ended(&self, result: &'static str) {
        self.builds.exports.get_or_create(&ResultLabels { result }).inc();
    }

    /// Records that a build did without `count` caches, because they could not be read.
    pub fn caches_left_out(&self, count: usize) {
        self.builds.left_out.inc_by(count as u64);
    }
}
