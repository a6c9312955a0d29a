//! The files of an edit.

use std::collections::BTreeMap;

/// Files by their path from the repository's root.
pub type Files = BTreeMap<String, Vec<u8>>;
