//! Keeps unused stores for some minutes, so that the next writer of the same branch need not fetch everything again.
//!
//! A store serves one login of one tenant only, and the server is asked with that login before the store is used. So
//! a login never sees what it may no longer read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::request::WriteBack;
use super::tips_read_ahead::TipsReadAhead;
use crate::git::branch::full_name;
use crate::git::read::{BranchReader, Branches};
use crate::limits::{Budget, Held};

/// How long an unused store is kept.
const KEEP: Duration = Duration::from_secs(180);
/// The maximum number of stores; one tenant of several may have half. Each has a directory and some open files.
const MAX_STORES: usize = 32;
/// The maximum size in bytes of the objects in all stores; one tenant may have half. The directory may be on
/// `/dev/shm`, which is memory.
const MAX_BYTES: usize = 64 << 20;
/// The overhead of a store in bytes.
const OVERHEAD: usize = 64 << 10;

/// The repository, branch and login that a store belongs to.
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

/// The branches that are read for a request.
pub(super) fn branches(request: &WriteBack) -> Branches {
    let WriteBack { repo, credentials, branch, head, .. } = request;
    Branches {
        repo: repo.clone(),
        credentials: credentials.clone(),
        base: branch.clone(),
        head: head.clone(),
    }
}

/// A store with its contents.
pub(super) struct StoreContents {
    pub(super) reader: BranchReader,
    /// The number of commits since the store was empty.
    pub(super) commits: u32,
    /// The branches' tips, if they were read ahead.
    pub(super) ahead: Option<TipsReadAhead>,
}

impl StoreContents {
    /// A store without tips that were read ahead.
    pub(super) fn new(reader: BranchReader) -> Self {
        Self { reader, commits: 0, ahead: None }
    }
}

/// The unused stores of a client. Clones share them.
#[derive(Clone)]
pub(super) struct Idle {
    stores: Arc<Mutex<Stores>>,
    budget: Budget,
    tenant: Option<Arc<str>>,
}

#[derive(Default)]
struct Stores {
    /// The oldest first.
    kept: Vec<IdleStore>,
    /// Whether a task that removes expired stores is running.
    is_swept: bool,
}

struct IdleStore {
    owner: Owner,
    tenant: Option<Arc<str>>,
    contents: StoreContents,
    until: Instant,
    _held: Held,
}

impl Default for Idle {
    fn default() -> Self {
        Self { stores: Arc::default(), budget: Budget::new(MAX_BYTES), tenant: None }
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
    /// The same for `tenant`, which gets no other tenant's store.
    pub(super) fn of(&self, tenant: Option<&str>) -> Self {
        Self {
            stores: Arc::clone(&self.stores),
            budget: self.budget.of(tenant),
            tenant: tenant.map(Arc::from),
        }
    }

    /// Takes the store for the repository, branch and login of `branches`.
    pub(super) fn take(&self, branches: &Branches) -> Option<StoreContents> {
        let owner = Owner::of(branches);
        let mut stores = lock(&self.stores);
        let now = Instant::now();
        let fits = |kept: &IdleStore| kept.owner == owner && kept.tenant == self.tenant && kept.until > now;
        let at = stores.kept.iter().rposition(fits)?;
        let mut contents = stores.kept.remove(at).contents;
        drop(stores);
        // The tips are of no use if the request is for another pull request's branch.
        if contents.reader.set_branches(branches) {
            contents.ahead = None;
        }
        Some(contents)
    }

    /// Reserves memory for a store that is in use; `None` if there is not enough. It removes older stores to make
    /// room.
    pub(super) fn hold(&self, reader: &BranchReader) -> Option<Held> {
        let bytes = reader.store().bytes().saturating_add(OVERHEAD);
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

    /// Keeps a store for the next writer, unless it is empty or there is no room.
    pub(super) fn put(&self, mut contents: StoreContents) {
        // Close the connection, so that no program waits on the server meanwhile.
        contents.reader.drop_stateful_session();
        if contents.reader.is_empty() {
            return;
        }
        let Some(held) = self.hold(&contents.reader) else { return };
        let (owner, until) = (Owner::of(contents.reader.branches()), Instant::now() + KEEP);
        let mut stores = lock(&self.stores);
        let own = stores.kept.iter().filter(|kept| kept.tenant == self.tenant).count();
        let most = if self.tenant.is_some() { MAX_STORES / 2 } else { MAX_STORES };
        let goes = |kept: &IdleStore| kept.tenant == self.tenant || own < most;
        if (stores.kept.len() >= MAX_STORES || own >= most)
            && let Some(oldest) = stores.kept.iter().position(goes)
        {
            stores.kept.remove(oldest);
        }
        stores.kept.push(IdleStore { owner, tenant: self.tenant.clone(), contents, until, _held: held });
        if !std::mem::replace(&mut stores.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.stores), until));
        }
    }
}

/// Removes expired stores until none are left.
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
