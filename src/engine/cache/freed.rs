//! What a prune has deleted so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::size_text;
use crate::outcome::Outputs;

/// The shortest time between two lines of progress. A prune may delete thousands of records in a second.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts deleted records.
#[derive(Debug, Default)]
pub(super) struct Freed {
    bytes: AtomicU64,
    records: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Freed {
    /// Counts a record of this size.
    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.records.fetch_add(1, Ordering::Relaxed);
    }

    /// The line of progress, if the last one is old enough.
    pub(super) fn line(&self) -> Option<String> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| told.elapsed() >= PAUSE);
        is_due.then(|| {
            *told = Some(Instant::now());
            format!("pruning: {}", self.summary())
        })
    }

    /// `deleted 12 records with 3.4 GB`.
    pub(super) fn summary(&self) -> String {
        let (bytes, records) = self.counts();
        deleted_text(bytes, records)
    }

    /// All outputs of the step.
    pub(super) fn outputs(&self) -> Outputs {
        let (bytes, records) = self.counts();
        let mut outputs = super::empty_outputs();
        outputs.insert("size".to_owned(), bytes.to_string());
        outputs.insert("records".to_owned(), records.to_string());
        outputs
    }

    /// What was deleted at the daemon `name`, and why not more.
    pub(super) fn shown(&self, name: &str, failed: Option<String>) -> Value {
        let (bytes, records) = self.counts();
        let mut shown = json!({"name": name, "size": bytes, "records": records});
        if let Some(why) = failed {
            shown["error"] = json!(why);
        }
        shown
    }

    /// The bytes and the records.
    fn counts(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.records.load(Ordering::Relaxed))
    }
}

/// `deleted 12 records with 3.4 GB`.
pub(crate) fn deleted_text(bytes: u64, records: u64) -> String {
    match records {
        0 => "nothing was deleted".to_owned(),
        1 => format!("deleted 1 record with {}", size_text(bytes)),
        records => format!("deleted {records} records with {}", size_text(bytes)),
    }
}
