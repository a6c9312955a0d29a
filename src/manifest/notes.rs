//! Warnings about edits that were made.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use super::error::Position;

/// A warning about an edit that was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The position to look at, in the file before the edit.
    pub place: Position,
    /// The sentence.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// The warnings of one file.
#[derive(Debug, Default)]
pub(super) struct Notes(RefCell<BTreeSet<Warning>>);

impl Notes {
    pub(super) fn add(&self, place: Position, text: String) {
        self.0.borrow_mut().insert(Warning { place, text });
    }

    pub(super) fn into_all(self) -> BTreeSet<Warning> {
        self.0.into_inner()
    }
}
