//! The endings of jobs that do not end by themselves: by a stop, or by a panic.

use std::time::Duration;

use crate::duration::elapsed_text;
use crate::outcome::{Fault, StepError};
use crate::progress::UNREACHED;

/// The reason why a job is stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    TimedOut(Duration),
    Expired(Duration),
    Abandoned(Duration),
    Withdrawn,
    Draining,
}

impl Stop {
    /// The ending of a job that was stopped for this reason while it was `doing` something.
    pub(super) fn into_error(self, doing: &str) -> StepError {
        match self {
            // The daemon has to be mended, and Argo may try again.
            Self::TimedOut(limit) if doing.contains(UNREACHED) => StepError::transient(format!(
                "the step's timeout of {} ended while it was {doing} (nothing was built; a longer `timeout` alone \
                 does not help)",
                elapsed_text(limit)
            )),
            Self::TimedOut(limit) => StepError::user(format!(
                "the step took longer than its timeout of {}, during: {doing}; \
                 raise the template's `timeout`, or see the log for what was slow",
                elapsed_text(limit)
            )),
            Self::Expired(limit) => StepError::user(format!(
                "the workflow took longer than its `activeDeadlineSeconds` of {}, during: {doing}; raise it, or see the \
                 log for what was slow",
                elapsed_text(limit)
            )),
            Self::Abandoned(lease) => StepError::transient(format!(
                "cancelled during: {doing}: Argo's agent did not ask for {}, so nobody waits for this step",
                elapsed_text(lease)
            )),
            // Argo has already marked the node Failed; it accepts a late answer, which must not say otherwise.
            Self::Withdrawn => StepError::user(format!(
                "cancelled during: {doing}: Argo no longer waits for this step; \
                 its workflow was stopped, terminated or deleted, or its node timed out"
            )),
            Self::Draining => {
                StepError::transient(format!("cancelled during: {doing}: argo-buildkit is shutting down"))
            }
        }
    }
}

/// The ending of a job whose work panicked.
pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> StepError {
    let said = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    tracing::error!(panic = said, "a job panicked");
    StepError::new(
        Fault::Ours,
        format!("argo-buildkit has a bug: the step panicked ({said}); please report it"),
    )
}
