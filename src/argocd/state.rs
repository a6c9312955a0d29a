//! The fields of an Application by which a wait is decided.

mod read;

use crate::git::advert::is_oid;

/// An Application at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationState {
    /// The resource version of the object.
    pub version: String,
    /// Whether a controller has written a status.
    pub has_status: bool,
    /// Whether a refresh was requested and has not ended.
    pub is_refreshing: bool,
    /// Whether Argo CD applies new commits by itself.
    pub is_automated: bool,
    /// What Argo CD compares with: a commit for each source, in lower case, or another name such as `main` or a chart's version.
    pub revisions: Vec<String>,
    /// Whether the cluster has what the revisions say.
    pub sync: SyncStatus,
    /// The health of all resources together. It may be older than the revisions.
    pub health: Health,
    /// The present or the last operation.
    pub operation: OperationState,
    /// The conditions. Most of them are errors.
    pub conditions: Vec<Condition>,
    /// The images of the pods that exist, also of those that are being replaced.
    pub images: Vec<String>,
    /// The workloads that belong to it, with their namespaces.
    pub workloads: Vec<ManagedWorkload>,
    /// Whether it deploys to the cluster in which Argo CD runs.
    pub is_in_cluster: bool,
    /// Whether it has a HorizontalPodAutoscaler. That is Degraded while new pods have no metrics yet.
    pub has_autoscaler: bool,
}

/// The result of a comparison with Git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncStatus {
    /// The cluster has what Git has.
    Synced,
    /// It differs.
    OutOfSync,
    /// There was no comparison, or it failed.
    Unknown,
}

/// The health of an Application (argo-cd `gitops-engine/pkg/health`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Everything runs.
    Healthy,
    /// Something is being started or replaced.
    Progressing,
    /// Something has failed.
    Degraded,
    /// Something was paused.
    Suspended,
    /// A resource is not there.
    Missing,
    /// Nothing is known.
    Unknown,
}

impl Health {
    /// Its name in Argo CD.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Progressing => "Progressing",
            Self::Degraded => "Degraded",
            Self::Suspended => "Suspended",
            Self::Missing => "Missing",
            Self::Unknown => "Unknown",
        }
    }
}

/// The phase of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationPhase {
    /// There was none, or it has not begun.
    None,
    /// It works, waits for a hook, or waits for its next attempt.
    Running,
    /// It is being ended.
    Terminating,
    /// Everything was applied.
    Succeeded,
    /// Something was refused.
    Failed,
    /// It could not begin.
    Error,
}

/// An operation: one attempt to apply a revision, and its repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationState {
    /// Whether somebody has requested an operation that has not ended.
    pub is_requested: bool,
    /// Whether Argo CD began it by itself, for the revision that it had then.
    pub is_automatic: bool,
    /// The phase.
    pub phase: OperationPhase,
    /// What Argo CD says of it.
    pub message: String,
    /// The number of repetitions.
    pub retries: u64,
    /// The revisions that it applies, or has applied.
    pub revisions: Vec<String>,
    /// The resources that the API server or the project refused, each with the reason.
    pub refused: Vec<String>,
    /// The images of the applied manifests, with the kind of their resource.
    pub images: Vec<AppliedImage>,
}

/// An image of a manifest that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedImage {
    /// The kind of the resource.
    pub kind: String,
    /// The image as the manifest names it.
    pub image: String,
}

/// A condition of an Application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its type, such as `ComparisonError`.
    pub name: String,
    /// What Argo CD says.
    pub message: String,
}

/// A workload of an Application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedWorkload {
    /// Its kind, such as `Deployment`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ApplicationState {
    /// The message of the condition `name`, if it is there.
    pub fn condition(&self, name: &str) -> Option<&str> {
        self.conditions.iter().find(|condition| condition.name == name).map(|found| found.message.as_str())
    }

    /// The revisions that are commits.
    pub fn commits(&self) -> impl Iterator<Item = &str> {
        commits(&self.revisions)
    }
}

impl OperationState {
    /// Whether an operation works or is about to.
    pub fn is_active(&self) -> bool {
        self.is_requested || matches!(self.phase, OperationPhase::Running | OperationPhase::Terminating)
    }

    /// The revisions that are commits.
    pub fn commits(&self) -> impl Iterator<Item = &str> {
        commits(&self.revisions)
    }
}

fn commits(revisions: &[String]) -> impl Iterator<Item = &str> {
    revisions.iter().map(String::as_str).filter(|revision| is_oid(revision))
}
