//! Outcomes as labels.

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
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The outcome of a build, as a label. A build that was stopped has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildOutcome {
    /// The image was built.
    Succeeded,
    /// The image was there already (`skip-if-exists`).
    Skipped,
    /// The user must act.
    Failed,
    /// Another party must act.
    Error,
}

impl BuildOutcome {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Error => "error",
        }
    }
}

/// The outcome of the deployment of one Application or workload, as a label. A wait that was stopped has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentOutcome {
    /// It runs what it was to run.
    Healthy,
    /// A newer commit was deployed in its place.
    Superseded,
    /// It does not run what it was to run.
    Failed,
    /// Nothing is known about it: it could not be read.
    Error,
}

impl DeploymentOutcome {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Error => "error",
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
    /// It reverted a commit whose deployment had failed.
    Reverted,
}

impl WriteBackResult {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Batched => "batched",
            Self::Proposed => "proposed",
            Self::Unchanged => "unchanged",
            Self::Superseded => "superseded",
            Self::Previewed => "previewed",
            Self::Reverted => "reverted",
        }
    }
}
