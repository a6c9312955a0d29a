//! The metrics of single kinds of step: what became of their work. Those of builds and deployments are in `builds` and `deployments`.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::{Metrics, ResultLabels, WriteBackResult, add};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MessageLabels {
    to: &'static str,
    result: &'static str,
}

/// The metrics of single kinds of step.
pub(super) struct KindMetrics {
    push_attempts: Counter,
    manifests: Family<ResultLabels, Counter>,
    refreshes: Family<ResultLabels, Counter>,
    syncs: Family<ResultLabels, Counter>,
    commit_statuses: Family<ResultLabels, Counter>,
    notifications: Family<MessageLabels, Counter>,
    copied_bytes: Counter,
    spared_blobs: Family<ResultLabels, Counter>,
}

impl KindMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            push_attempts: add(
                registry,
                "git_push_attempts",
                "Pushes tried, conflicts included",
                Counter::default(),
            ),
            manifests: add(
                registry,
                "manifest_updates",
                "Manifest updates that ended well, by what became of the change",
                Family::default(),
            ),
            refreshes: add(
                registry,
                "argocd_refreshes",
                "Refreshes of Argo CD Applications after a commit, by result",
                Family::default(),
            ),
            syncs: add(registry, "syncs", "Waits for a deployment that ended, by result", Family::default()),
            commit_statuses: add(
                registry,
                "commit_statuses",
                "Commit statuses of forges, by whether they were written",
                Family::default(),
            ),
            notifications: add(
                registry,
                "notifications",
                "Messages of `notify`, by service and result; `digested` are those that were sent together with others",
                Family::default(),
            ),
            copied_bytes: add(
                registry,
                "push_copied_bytes",
                "Bytes of blobs that push steps copied between repositories",
                Counter::default(),
            ),
            spared_blobs: add(
                registry,
                "push_spared_blobs",
                "Blobs that push steps did not copy, by why",
                Family::default(),
            ),
        }
    }
}

impl Metrics {
    /// Records the outcome of a write-back and the number of its pushes.
    pub fn write_back_ended(&self, result: WriteBackResult, attempts: u64) {
        self.kinds.push_attempts.inc_by(attempts);
        self.kinds.manifests.get_or_create(&ResultLabels { result: result.label() }).inc();
    }

    /// Records whether a refresh of Argo CD succeeded.
    pub fn refreshed(&self, done: bool) {
        let result = if done { "refreshed" } else { "failed" };
        self.kinds.refreshes.get_or_create(&ResultLabels { result }).inc();
    }

    /// Records the end of a wait for a deployment: `healthy`, `superseded`, `reverted` or `failed`.
    pub fn synced(&self, result: &'static str) {
        self.kinds.syncs.get_or_create(&ResultLabels { result }).inc();
    }

    /// Records a commit status: `posted`, `unchanged` or `failed`.
    pub fn commit_status_set(&self, result: &'static str) {
        self.kinds.commit_statuses.get_or_create(&ResultLabels { result }).inc();
    }

    /// Records what became of a message to the service `to`: `sent`, `digested` or `failed`.
    pub fn notified(&self, to: &'static str, result: &'static str) {
        self.kinds.notifications.get_or_create(&MessageLabels { to, result }).inc();
    }

    /// Records a copy: its bytes, and the blobs that were mounted or present.
    pub fn copied(&self, bytes: u64, mounted: u64, present: u64) {
        self.kinds.copied_bytes.inc_by(bytes);
        for (result, count) in [("mounted", mounted), ("present", present)] {
            self.kinds.spared_blobs.get_or_create(&ResultLabels { result }).inc_by(count);
        }
    }
}
