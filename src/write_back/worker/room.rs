//! What the files of a try take of the process's memory.

use std::collections::BTreeMap;

use git2::Oid;

use crate::git::tree::Entry;
use crate::limits::YAML_NODES;
use crate::write_back::Files;

/// How often a file's bytes are there at a time: as they were read, for their writer, in the draft, for the edit, and edited.
const COPIES: usize = 5;
/// Bytes that one node of a YAML file takes in memory: 4 MB of `1,1,…` took 528 MB.
const NODE: usize = 264;
/// Bytes of a file that one node takes at least.
const NODE_BYTES: usize = 2;

/// Files that are edited in one try, one after another: so one is parsed at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    bytes: usize,
}

impl Room {
    /// With these files too.
    pub(super) fn with(&self, entries: &[Entry], sizes: &BTreeMap<Oid, usize>) -> Self {
        let sizes = entries.iter().map(|entry| sizes.get(&entry.blob).copied().unwrap_or_default());
        Self { bytes: sizes.fold(self.bytes, usize::saturating_add) }
    }

    /// Bytes of memory.
    pub(super) fn cost(&self) -> usize {
        self.bytes.saturating_mul(COPIES)
    }
}

/// Bytes of memory that the nodes of one of `files` take at most while it is edited.
pub(super) fn parsed(files: &Files) -> usize {
    let largest = files.values().map(Vec::len).max().unwrap_or_default();
    (largest / NODE_BYTES).min(YAML_NODES) * NODE
}
