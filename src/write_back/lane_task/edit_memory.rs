//! Computes how much memory the files of an attempt need.

use std::collections::BTreeMap;

use git2::Oid;

use crate::git::tree::FileEntry;
use crate::limits::yaml_memory;
use crate::write_back::Files;

/// The number of copies of a file that exist at the same time: as read, for its writer, in the draft, for the edit,
/// and edited.
const COPIES: usize = 5;

/// The memory for the files of one attempt. They are edited one after another, so only one is parsed at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct EditMemory {
    bytes: usize,
}

impl EditMemory {
    /// Adds these files.
    pub(super) fn with(&self, entries: &[FileEntry], sizes: &BTreeMap<Oid, usize>) -> Self {
        let sizes = entries.iter().map(|entry| sizes.get(&entry.blob).copied().unwrap_or_default());
        Self { bytes: sizes.fold(self.bytes, usize::saturating_add) }
    }

    /// The memory in bytes.
    pub(super) fn cost(&self) -> usize {
        self.bytes.saturating_mul(COPIES)
    }
}

/// The maximum memory in bytes for the nodes of one of `files` while it is edited.
pub(super) fn parsed(files: &Files) -> usize {
    let largest = files.values().map(Vec::len).max().unwrap_or_default();
    yaml_memory(largest)
}
