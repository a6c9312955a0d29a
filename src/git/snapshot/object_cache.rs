//! A cache of small objects that were read recently. An id is a hash of the content, so an entry never gets out of
//! date.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// The maximum size of a cached object in bytes.
pub(super) const MAX_OBJECT: usize = 64 << 10;
/// The maximum size of the cache in bytes.
const MAX_ALL: usize = 4 << 20;
/// The overhead of an entry in bytes.
const EACH: usize = 200;

/// The cache. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::git) struct ObjectCache(Arc<Mutex<Entries>>, Option<Arc<str>>);

#[derive(Debug, Default)]
struct Entries {
    objects: BTreeMap<String, Bytes>,
    /// The ids, oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

impl ObjectCache {
    /// The same for `tenant`, who is given nothing that another has read: a tree may name what its owner does not have.
    pub(in crate::git) fn of(&self, tenant: Option<&str>) -> Self {
        Self(Arc::clone(&self.0), tenant.map(Arc::from))
    }

    fn key(&self, id: &str) -> String {
        self.1.as_ref().map_or_else(|| id.to_owned(), |tenant| format!("{id} {tenant}"))
    }

    pub(super) fn get(&self, id: &str) -> Option<Bytes> {
        let key = self.key(id);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).objects.get(&key).cloned()
    }

    /// Adds an object whose bytes were hashed to `id`, and evicts the oldest ones to make room.
    pub(super) fn put(&self, id: &str, bytes: &Bytes) {
        if bytes.len() > MAX_OBJECT {
            return;
        }
        let key = self.key(id);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        let kept = objects.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(kept.bytes <= MAX_ALL && kept.objects.len() == kept.order.len());
        assert!(kept.objects.contains_key("199") && !kept.objects.contains_key("0"));
        assert!(!kept.objects.contains_key("large"));
        drop(kept);
        assert_eq!(objects.get("199"), Some(bytes));
    }
}
