//! The ending of a job's work, and the lock for writing it.

use std::sync::{Mutex, MutexGuard};

use crate::outcome::{StepError, Success};

/// The ending of a job's work.
pub type Ending = Result<Success, StepError>;

/// Locks `mutex` and ignores poisoning: every value behind it is replaced as a whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
