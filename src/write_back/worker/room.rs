//! What the files of a try take of the process's memory.

use std::collections::BTreeMap;

use git2::Oid;

use crate::git::tree::Entry;
use crate::limits::YAML_NODES;

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
    largest: usize,
}

impl Room {
    /// With these files too.
    pub(super) fn with(&self, entries: &[Entry], sizes: &BTreeMap<Oid, usize>) -> Self {
        let sizes = entries.iter().map(|entry| sizes.get(&entry.blob).copied().unwrap_or_default());
        sizes.fold(self.clone(), |room, size| Self {
            bytes: room.bytes.saturating_add(size),
            largest: room.largest.max(size),
        })
    }

    /// Bytes of memory.
    pub(super) fn cost(&self) -> usize {
        let nodes = (self.largest / NODE_BYTES).min(YAML_NODES);
        self.bytes.saturating_mul(COPIES).saturating_add(nodes * NODE)
    }
}
