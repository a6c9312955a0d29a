//! What the trailers of older commits mean by a place.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::files::Files;

type Resolve = dyn Fn(&Files, &str) -> BTreeSet<String> + Send + Sync;

/// Tells what a [`MANIFEST`](super::trailer::MANIFEST) trailer can have set, as the files are now: values of
/// [`PLACE`](super::trailer::PLACE).
#[derive(Clone)]
pub struct Places(Arc<Resolve>);

impl Places {
    /// It runs on a thread that may block.
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
