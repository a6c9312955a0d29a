//! Taking turns at lists of referrers: registries have no compare-and-swap, so two writers of one process would
//! overwrite each other's entries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::Login;

/// The lists that are being written. One registry's silence keeps nobody waiting who writes elsewhere, or with another
/// login; what writers with different logins overwrite of each other is written again.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    /// A lock for each list that a task writes or waits for.
    turns: Arc<Mutex<HashMap<Writer, Weak<Turn<()>>>>>,
}

/// A list, and whose login it is written with; a digest, for a password is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Writer([u8; 32]);

impl Writer {
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

impl Lists {
    /// Waits until nobody else of this process is at the same list.
    pub(super) async fn turn(&self, writer: Writer) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(&writer).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let turn = Arc::new(Turn::new(()));
                turns.insert(writer, Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn only_writers_of_one_list_with_one_login_wait_for_each_other() {
        let lists = Lists::default();
        let login = |password: &str| Login::Password { user: "ci".into(), password: password.into() };
        let (a, b) = (login("a"), login("b"));
        let first = lists.turn(Writer::new("r.io/shop", "sha256-1", Some(&a))).await;
        for other in [
            Writer::new("r.io/shop", "sha256-1", Some(&b)),
            Writer::new("r.io/shop", "sha256-1", None),
            Writer::new("r.io/shop", "sha256-2", Some(&a)),
            Writer::new("r.io/other", "sha256-1", Some(&a)),
        ] {
            assert!(lists.turn(other).now_or_never().is_some());
        }
        let same = Writer::new("r.io/shop", "sha256-1", Some(&a));
        assert!(lists.turn(same).now_or_never().is_none());
        drop(first);
        assert!(lists.turn(same).now_or_never().is_some());
        // What nobody is at is forgotten.
        let _other = lists.turn(Writer::new("r.io/else", "sha256-1", None)).await;
        assert_eq!(lists.turns.lock().map(|turns| turns.len()).ok(), Some(1));
    }
}
