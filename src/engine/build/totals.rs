//! Limits on what all entries of one build have together.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::sources::Readable;
use crate::outcome::StepError;

/// The maximum memory in bytes for the patterns of the `.dockerignore` files of all contexts.
const MAX_IGNORED: usize = 8 << 20;
/// The maximum number of submodules of all contexts.
const MAX_MODULES: usize = 1000;
/// The maximum size in bytes of the values that a build may mount. Several entries may name one Secret, and each solve has a copy.
const MAX_VALUES: usize = 8 << 20;

/// What the entries that were read so far have together.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Bytes of patterns.
    ignored: AtomicUsize,
    modules: AtomicUsize,
    /// Bytes of values.
    values: AtomicUsize,
}

impl Totals {
    /// Adds a context, or refuses one that exceeds a limit.
    pub(super) fn add_context(&self, readable: &Readable) -> Result<(), StepError> {
        let size = readable.parts.ignore.as_ref().map_or(0, |ignore| ignore.size());
        add(&self.ignored, size, MAX_IGNORED, || {
            let limit = MAX_IGNORED >> 20;
            format!(
                "the patterns in the `.dockerignore` files of the contexts take more than {limit} MiB together"
            )
        })?;
        let number = readable.submodules.as_ref().map_or(0, Vec::len);
        add(&self.modules, number, MAX_MODULES, || {
            format!("the contexts have more than {MAX_MODULES} submodules together")
        })
    }

    /// Adds a value of `size` bytes, or refuses one that exceeds the limit.
    pub(super) fn add_value(&self, size: usize) -> Result<(), StepError> {
        add(&self.values, size, MAX_VALUES, || {
            format!("the values under `secrets` and `ssh` have more than {} MiB together", MAX_VALUES >> 20)
        })
    }
}

fn add(total: &AtomicUsize, more: usize, limit: usize, what: impl Fn() -> String) -> Result<(), StepError> {
    if total.fetch_add(more, Ordering::Relaxed) + more <= limit {
        return Ok(());
    }
    Err(StepError::user(format!("{}; give the step fewer, or smaller ones", what())))
}
