//! A cache of small objects that were read recently. An id is a hash of the content, so an entry never gets out of
//! date.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The maximum size of a cached object in bytes.
pub(super) const MAX_OBJECT: usize = 64 << 10;
/// The maximum size of the cache in bytes.
const MAX_ALL: usize = 4 << 20;
/// The overhead of an entry in bytes.
const EACH: usize = 200;

/// The cache, as one tenant sees it. Clones share the entries.
#[derive(Debug, Clone, Default)]
pub(in crate::git) struct ObjectCache {
    entries: Arc<Mutex<Entries>>,
    tenant: Option<Arc<str>>,
}

#[derive(Debug, Default)]
struct Entries {
    objects: BTreeMap<String, Bytes>,
    /// The ids, oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

impl ObjectCache {
    /// The same cache for `tenant`, which gets only objects that it has read itself: a tree may name objects that its author
    /// may not read.
    pub(in crate::git) fn of(&self, tenant: Option<&str>) -> Self {
        Self { entries: Arc::clone(&self.entries), tenant: tenant.map(Arc::from) }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, id: &str) -> String {
        self.tenant.as_ref().map_or_else(|| id.to_owned(), |tenant| format!("{id} {tenant}"))
    }

    pub(super) fn get(&self, id: &str) -> Option<Bytes> {
        let key = self.key(id);
        self.lock().objects.get(&key).cloned()
    }

    /// Adds an object whose bytes were hashed to `id`, and evicts the oldest ones to make room.
    pub(super) fn put(&self, id: &str, bytes: &Bytes) {
        if bytes.len() > MAX_OBJECT {
            return;
        }
        let key = self.key(id);
        let mut kept = self.lock();
        if kept.objects.insert(key.clone(), bytes.clone()).is_some() {
            return;
        }
        kept.bytes += bytes.len() + EACH;
        kept.order.push_back(key);
        while kept.bytes > MAX_ALL {
            let Some(oldest) = kept.order.pop_front() else { return };
            let gone = kept.objects.remove(&oldest).map_or(0, |bytes| bytes.len() + EACH);
            kept.bytes -= gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_given_what_it_has_read_itself() {
        let objects = ObjectCache::default();
        let (shop, bank) = (objects.of(Some("shop")), objects.of(Some("bank")));
        shop.put("1", &Bytes::from("one"));
        assert!(objects.of(Some("shop")).get("1").is_some());
        assert!(bank.get("1").is_none() && objects.get("1").is_none());
    }

    #[test]
    fn the_newest_are_kept_and_no_more_than_there_is_room_for() {
        let objects = ObjectCache::default();
        let bytes = Bytes::from(vec![0; MAX_OBJECT]);
        (0..200).for_each(|n| objects.put(&format!("{n}"), &bytes));
        objects.put("199", &bytes);
        objects.put("large", &Bytes::from(vec![0; MAX_OBJECT + 1]));
        let kept = objects.lock();
        assert!(kept.bytes <= MAX_ALL && kept.objects.len() == kept.order.len());
        assert!(kept.objects.contains_key("199") && !kept.objects.contains_key("0"));
        assert!(!kept.objects.contains_key("large"));
        drop(kept);
        assert_eq!(objects.get("199"), Some(bytes));
    }
}
