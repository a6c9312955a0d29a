//! Finds the places that the trailers of older commits refer to.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::files::Files;

type Resolve = dyn Fn(&Files, &str) -> BTreeSet<String> + Send + Sync;

/// Resolves the value of a [`MANIFEST`](super::trailer::MANIFEST) trailer in the current files to the values of
/// [`PLACE`](super::trailer::PLACE) that it can have set.
#[derive(Clone)]
pub struct Places(Arc<Resolve>);

impl Places {
    /// `resolve` runs on a thread that may block.
    pub fn new(resolve: impl Fn(&Files, &str) -> BTreeSet<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(resolve))
    }

    pub(super) fn of(&self, files: &Files, manifest: &str) -> BTreeSet<String> {
        (self.0)(files, manifest)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places")
    }
}
