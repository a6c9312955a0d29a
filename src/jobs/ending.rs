//! How a job's work ends, and the lock that its ends are written under.

use std::sync::{Mutex, MutexGuard};

use crate::outcome::{StepError, Success};

/// How a job's work ended.
pub type Ending = Result<Success, StepError>;

/// A lock that a panic elsewhere does not poison: the values behind it are replaced whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
