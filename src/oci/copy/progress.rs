//! How far a copy is.

use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes and blobs of a copy, counted while it runs.
#[derive(Debug, Default)]
pub struct CopyProgress {
    wanted: AtomicU64,
    copied: AtomicU64,
    mounted: AtomicU64,
    present: AtomicU64,
}

impl CopyProgress {
    /// The bytes of the blobs that are copied so far.
    pub fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// The bytes of all blobs that have to be copied, as far as is known.
    pub fn wanted(&self) -> u64 {
        self.wanted.load(Ordering::Relaxed)
    }

    /// The number of blobs that were mounted from another repository of the registry.
    pub fn mounted(&self) -> u64 {
        self.mounted.load(Ordering::Relaxed)
    }

    /// The number of blobs that were there already.
    pub fn present(&self) -> u64 {
        self.present.load(Ordering::Relaxed)
    }

    pub(super) fn is_mounted(&self) {
        self.mounted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_present(&self) {
        self.present.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn wants(&self, bytes: u64) {
        self.wanted.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts the bytes of one blob.
    pub(super) fn blob(&self) -> BlobProgress<'_> {
        BlobProgress { of: self, copied: AtomicU64::new(0) }
    }
}

/// The bytes of one upload. They count no more if the upload is lost.
pub(super) struct BlobProgress<'a> {
    of: &'a CopyProgress,
    copied: AtomicU64,
}

impl BlobProgress<'_> {
    pub(super) fn add(&self, bytes: u64) {
        self.copied.fetch_add(bytes, Ordering::Relaxed);
        self.of.copied.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The upload is complete.
    pub(super) fn keep(self) {
        self.copied.store(0, Ordering::Relaxed);
    }
}

impl Drop for BlobProgress<'_> {
    fn drop(&mut self) {
        self.of.copied.fetch_sub(self.copied.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
