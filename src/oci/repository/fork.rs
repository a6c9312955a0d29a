//! A repository as several tasks at the same time use it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::ImageRepository;

impl<'a> ImageRepository<'a> {
    /// The same repository for another task. A token that one task renews is that of all.
    pub(in crate::oci) fn fork(&self) -> Self {
        let plain = AtomicBool::new(self.is_plain());
        Self { plain, authorization: Arc::clone(&self.authorization), also: self.also.clone(), ..*self }
    }

    /// Asks token servers also for the right to read `repository` of the same registry, from which blobs are mounted.
    pub(in crate::oci) fn also_reads(&mut self, repository: &str) {
        self.also = Some(format!("repository:{repository}:pull"));
        // The token so far lacks that right. The registry asks for another one.
        self.set_authorization(None);
    }
}
