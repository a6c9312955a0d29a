//! Locks for lists of referrers. Registries have no compare-and-swap, so two tasks of this process that write one
//! list would overwrite each other's entries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

use super::Login;

/// The lists that are being written. A task that waits for a silent registry delays no task that writes to another
/// list or with another login. If tasks with different logins overwrite each other's entries, they write them again.
#[derive(Debug, Clone, Default)]
pub(super) struct ListLocks {
    /// A lock for each list that a task writes or waits for.
    locks: Arc<Mutex<HashMap<ListKey, Weak<Lock<()>>>>>,
}

/// A list and the login that writes it. It is a digest, because it includes the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ListKey([u8; 32]);

impl ListKey {
    pub(super) fn new(repository: &str, tag: &str, login: Option<&Login>) -> Self {
        let (kind, user, secret) = match login {
            None => ("nobody", "", ""),
            Some(Login::Password { user, password }) => ("password", user.as_str(), password.expose_secret()),
            Some(Login::Identity(token)) => ("identity", "", token.expose_secret()),
        };
        let mut hash = Sha256::new();
        for part in [repository, tag, kind, user, secret] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

impl ListLocks {
    /// Waits until no other task of this process writes the list.
    pub(super) async fn lock(&self, key: ListKey) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let known = locks.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::new(Lock::new(()));
                locks.insert(key, Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn only_writers_of_one_list_with_one_login_wait_for_each_other() {
        let lists = ListLocks::default();
        let login = |password: &str| Login::Password { user: "ci".into(), password: password.into() };
        let (a, b) = (login("a"), login("b"));
        let first = lists.lock(ListKey::new("r.io/shop", "sha256-1", Some(&a))).await;
        for other in [
            ListKey::new("r.io/shop", "sha256-1", Some(&b)),
            ListKey::new("r.io/shop", "sha256-1", None),
            ListKey::new("r.io/shop", "sha256-2", Some(&a)),
            ListKey::new("r.io/other", "sha256-1", Some(&a)),
        ] {
            assert!(lists.lock(other).now_or_never().is_some());
        }
        let same = ListKey::new("r.io/shop", "sha256-1", Some(&a));
        assert!(lists.lock(same).now_or_never().is_none());
        drop(first);
        assert!(lists.lock(same).now_or_never().is_some());
        // A list without a writer is removed.
        let _other = lists.lock(ListKey::new("r.io/else", "sha256-1", None)).await;
        assert_eq!(lists.locks.lock().map(|locks| locks.len()).ok(), Some(1));
    }
}
