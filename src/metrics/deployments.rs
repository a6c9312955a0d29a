//! The metrics of deployments, and those of `poll`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::names::{Names, OTHER};
use super::{DeploymentOutcome, Metrics, ResultLabels, add};

/// The buckets of the time from a commit to its deployment, in seconds: 15 s to a week.
const LEAD: [f64; 11] =
    [15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 86_400.0, 604_800.0];

/// The buckets of the time from a failure to the next success, in seconds: 5 min to a day.
const RESTORE: [f64; 5] = [300.0, 1800.0, 3600.0, 14_400.0, 86_400.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeploymentLabels {
    workflow_namespace: String,
    application: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
struct ApplicationLabels {
    workflow_namespace: String,
    application: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NamespaceLabels {
    workflow_namespace: String,
}

/// The metrics of deployments.
pub(super) struct Deployments {
    applications: Mutex<Names>,
    ended: Family<DeploymentLabels, Counter>,
    lead: Family<ApplicationLabels, Histogram, fn() -> Histogram>,
    restore: Family<ApplicationLabels, Histogram, fn() -> Histogram>,
    /// Since when each Application fails. Only those with series of their own are here, so their number is limited.
    failing: Mutex<BTreeMap<ApplicationLabels, Instant>>,
    polled: Family<ResultLabels, Counter>,
    poll_ended: Family<NamespaceLabels, Gauge>,
}

impl Deployments {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let lead: fn() -> Histogram = || Histogram::new(LEAD);
        let restore: fn() -> Histogram = || Histogram::new(RESTORE);
        Self {
            applications: Mutex::default(),
            ended: add(
                registry,
                "deployments",
                "Deployments that `sync` waited for, by Application or workload and result",
                Family::default(),
            ),
            lead: add(
                registry,
                "deployment_lead_seconds",
                "From the date of the source commit that the same node built until it was deployed, in seconds",
                Family::new_with_constructor(lead),
            ),
            restore: add(
                registry,
                "deployment_restore_seconds",
                "From a failed deployment to the next one that succeeded, in seconds",
                Family::new_with_constructor(restore),
            ),
            failing: Mutex::default(),
            polled: add(
                registry,
                "polled",
                "Branches, tags and services that `poll` looked at, by result",
                Family::default(),
            ),
            poll_ended: add(
                registry,
                "poll_ended_timestamp_seconds",
                "When `poll` last came to its end, in seconds since 1970",
                Family::default(),
            ),
        }
    }

    fn labels(&self, namespace: &str, name: &str, outcome: DeploymentOutcome) -> ApplicationLabels {
        let mut applications = self.applications.lock().unwrap_or_else(PoisonError::into_inner);
        let proven = outcome == DeploymentOutcome::Healthy;
        let [workflow_namespace, application] = applications.labels(namespace, name, proven);
        ApplicationLabels { workflow_namespace, application }
    }

    /// Notes a failure, or measures the time since the first one. `other` is many Applications, of which each may fail.
    fn note(&self, labels: &ApplicationLabels, outcome: DeploymentOutcome) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            DeploymentOutcome::Failed if labels.application != OTHER => {
                failing.entry(labels.clone()).or_insert_with(Instant::now);
            }
            DeploymentOutcome::Healthy => {
                if let Some(since) = failing.remove(labels) {
                    self.restore.get_or_create(labels).observe(since.elapsed().as_secs_f64());
                }
            }
            DeploymentOutcome::Failed | DeploymentOutcome::Superseded | DeploymentOutcome::Error => {}
        }
    }
}

impl Metrics {
    /// Records the end of the deployment of `name`, an Application or a workload, for a workflow of `namespace`. `committed` is the date of
    /// its source commit, in seconds since 1970, if it is known.
    pub fn deployed(&self, namespace: &str, name: &str, outcome: DeploymentOutcome, committed: Option<u32>) {
        let deployments = &self.deployments;
        let labels = deployments.labels(namespace, name, outcome);
        deployments.note(&labels, outcome);
        if outcome == DeploymentOutcome::Healthy
            && let Some(lead) = committed.and_then(since)
        {
            deployments.lead.get_or_create(&labels).observe(lead.as_secs_f64());
        }
        let ApplicationLabels { workflow_namespace, application } = labels;
        let labels = DeploymentLabels { workflow_namespace, application, result: outcome.label() };
        deployments.ended.get_or_create(&labels).inc();
    }

    /// Records that `poll` looked at `count` branches, tags or services with this result.
    pub fn polled(&self, result: &'static str, count: usize) {
        self.deployments.polled.get_or_create(&ResultLabels { result }).inc_by(count as u64);
    }

    /// Records that a `poll` of `namespace` has come to its end, whatever it found.
    pub fn poll_ended(&self, namespace: &str) {
        let mut names = self.deployments.applications.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = NamespaceLabels { workflow_namespace: names.namespace(namespace) };
        drop(names);
        self.deployments.poll_ended.get_or_create(&labels).set(Timestamp::now().as_second());
    }
}

/// The time since `committed`. `None` if it is in the future, by a clock that is wrong.
fn since(committed: u32) -> Option<Duration> {
    let seconds = Timestamp::now().as_second() - i64::from(committed);
    u64::try_from(seconds).ok().map(Duration::from_secs)
}
