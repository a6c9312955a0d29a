//! The private keys that a node has opened, so that each is opened once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::signature::PrivateKey;
use crate::step::ImageKey;

/// The private keys that a node has opened. Clones share them.
#[derive(Clone, Default)]
pub(super) struct OpenedKeys(Arc<Mutex<HashMap<ImageKey, PrivateKey>>>);

impl OpenedKeys {
    pub(super) fn get(&self, wanted: &ImageKey) -> Option<PrivateKey> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(wanted).cloned()
    }

    pub(super) fn keep(&self, wanted: &ImageKey, key: &PrivateKey) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(wanted.clone(), key.clone());
    }
}
