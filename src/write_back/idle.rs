//! Stores that nobody uses are kept for some minutes: the next writer of the same branch finds in them what is still there.
//!
//! A store serves one login of one tenant only, and the server is asked before it is used: what a login may no longer read, it is no
//! longer shown.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::ahead::Ahead;
use super::request::WriteBack;
use crate::git::branch::full_name;
use crate::git::read::{Branches, Reader};
use crate::limits::{Budget, Held};

/// How long a store is kept.
const KEEP: Duration = Duration::from_secs(180);
/// Stores that are kept, of which one tenant may have half: each has a directory and some open files.
const MOST: usize = 32;
/// Bytes of objects in all of them, of which one tenant may have half. The directory may be on `/dev/shm`, which is memory.
const BYTES: usize = 64 << 20;
/// Bytes that a store takes beside its objects.
const EMPTY: usize = 64 << 10;

/// Whose store it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    repo: String,
    branch: String,
    login: [u8; 32],
}

impl Owner {
    pub(super) fn of(branches: &Branches) -> Self {
        let Branches { repo, credentials, base, .. } = branches;
        Self { repo: repo.to_string(), branch: full_name(base), login: credentials.fingerprint() }
    }
}

/// What is read for a request.
pub(super) fn branches(request: &WriteBack) -> Branches {
    let WriteBack { repo, credentials, branch, head, .. } = request;
    Branches {
        repo: repo.clone(),
        credentials: credentials.clone(),
        base: branch.clone(),
        head: head.clone(),
    }
}

/// A store with what is in it.
pub(super) struct Warm {
    pub(super) reader: Reader,
    /// Commits since it was empty.
    pub(super) commits: u32,
    /// What was read of the server before anybody needed it.
    pub(super) ahead: Option<Ahead>,
}

impl Warm {
    /// A store without anything that was read ahead.
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader, commits: 0, ahead: None }
    }
}

/// The stores of a client. Clones share them.
#[derive(Clone)]
pub(super) struct Idle {
    stores: Arc<Mutex<Stores>>,
    budget: Budget,
    tenant: Option<Arc<str>>,
}

#[derive(Default)]
struct Stores {
    /// The oldest first.
    kept: Vec<Kept>,
    /// Whether a task removes what was kept for long enough.
    is_swept: bool,
}

struct Kept {
    owner: Owner,
    tenant: Option<Arc<str>>,
    warm: Warm,
    until: Instant,
    _held: Held,
}

impl Default for Idle {
    fn default() -> Self {
        Self { stores: Arc::default(), budget: Budget::new(BYTES), tenant: None }
    }
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Idle({})", lock(&self.stores).kept.len())
    }
}

fn lock(stores: &Mutex<Stores>) -> MutexGuard<'_, Stores> {
    stores.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Idle {
    /// The same for `tenant`, who is given no other's store.
    pub(super) fn of(&self, tenant: Option<&str>) -> Self {
        Self {
            stores: Arc::clone(&self.stores),
            budget: self.budget.of(tenant),
            tenant: tenant.map(Arc::from),
        }
    }

    /// The owner's store, for `branches`.
    pub(super) fn take(&self, branches: &Branches) -> Option<Warm> {
        let owner = Owner::of(branches);
        let mut stores = lock(&self.stores);
        let now = Instant::now();
        let fits = |kept: &Kept| kept.owner == owner && kept.tenant == self.tenant && kept.until > now;
        let at = stores.kept.iter().rposition(fits)?;
        let mut warm = stores.kept.remove(at).warm;
        drop(stores);
        // Another pull request's branch may have been asked for.
        if warm.reader.aim(branches) {
            warm.ahead = None;
        }
        Some(warm)
    }

    /// Bytes for a store that is held outside; none where there is no room.
    pub(super) fn hold(&self, reader: &Reader) -> Option<Held> {
        let bytes = reader.store().bytes().saturating_add(EMPTY);
        if bytes > self.budget.allowed() {
            return None;
        }
        let mut stores = lock(&self.stores);
        loop {
            if let Some(held) = self.budget.try_take(bytes) {
                return Some(held);
            }
            let oldest = stores.kept.iter().position(|kept| kept.tenant == self.tenant)?;
            stores.kept.remove(oldest);
        }
    }

    /// Keeps a store for the next writer, if something is in it and there is room.
    pub(super) fn put(&self, mut warm: Warm) {
        // No program waits at the server meanwhile.
        warm.reader.forget_old_refs();
        if warm.reader.is_empty() {
            return;
        }
        let Some(held) = self.hold(&warm.reader) else { return };
        let (owner, until) = (Owner::of(warm.reader.branches()), Instant::now() + KEEP);
        let mut stores = lock(&self.stores);
        let own = stores.kept.iter().filter(|kept| kept.tenant == self.tenant).count();
        let goes = |kept: &Kept| kept.tenant == self.tenant || own < MOST / 2;
        if (stores.kept.len() >= MOST || own >= MOST / 2)
            && let Some(oldest) = stores.kept.iter().position(goes)
        {
            stores.kept.remove(oldest);
        }
        stores.kept.push(Kept { owner, tenant: self.tenant.clone(), warm, until, _held: held });
        if !std::mem::replace(&mut stores.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.stores), until));
        }
    }
}

/// Removes what was kept for long enough, until nothing is left.
async fn sweep(stores: Weak<Mutex<Stores>>, first: Instant) {
    let mut next = first;
    loop {
        sleep_until(next).await;
        let Some(stores) = stores.upgrade() else { return };
        let mut stores = lock(&stores);
        stores.kept.retain(|kept| kept.until > Instant::now());
        let Some(until) = stores.kept.iter().map(|kept| kept.until).min() else {
            stores.is_swept = false;
            return;
        };
        next = until;
    }
}
