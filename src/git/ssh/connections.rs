//! A pool of connections to SSH servers. All services that one key uses at a server share a connection, because a
//! handshake and a login take five round trips.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use russh::client::Handle;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep, timeout};

use super::HostKeyCheck;
use crate::git::credentials::Credentials;
use crate::git::error::GitError;
use crate::git::url::SshTarget;

/// How long an unused connection is kept open.
const IDLE: Duration = Duration::from_secs(60);

/// How long a connection that another task makes is waited for. The server may be silent to that one.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The age after which a connection gets no new requests. A server may not check again whether the connection's key
/// is still valid.
const AGE: Duration = Duration::from_secs(600);

/// A hash of the server's address, the login, and the trusted host keys.
type Id = [u8; 32];

/// Holds at most one connection. It is locked while the connection is made.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<SshConnection>>>>;

/// The connections of one client. Clones share them.
#[derive(Clone, Default)]
pub(in crate::git) struct Connections(Arc<Mutex<HashMap<Id, Slot>>>);

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connections({})", self.slots().len())
    }
}

/// A connection that has logged in. It is closed when the last reference is dropped.
pub(super) struct SshConnection {
    pub(super) handle: Handle<HostKeyCheck>,
    broken: AtomicBool,
    made: Instant,
    used: Mutex<Instant>,
}

impl SshConnection {
    fn new(handle: Handle<HostKeyCheck>) -> Arc<Self> {
        let made = Instant::now();
        Arc::new(Self { handle, broken: AtomicBool::new(false), made, used: Mutex::new(made) })
    }

    /// Marks the connection as broken or silent, so that no new request uses it.
    pub(super) fn mark_broken(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    fn is_good(&self) -> bool {
        self.made.elapsed() < AGE && !self.broken.load(Ordering::Relaxed) && !self.handle.is_closed()
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_idle(self: &Arc<Self>) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::strong_count(self) == 1 && used.elapsed() >= IDLE
    }
}

impl Connections {
    pub(super) fn id(target: &SshTarget, credentials: &Credentials) -> Id {
        let SshTarget { user, host, port, .. } = target;
        let place = format!("{user}\0{host}\0{port}\0");
        Sha256::new().chain_update(place).chain_update(credentials.fingerprint()).finalize().into()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Id, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, id: Id) -> Slot {
        let mut slots = self.slots();
        let is_used = |slot: &Slot| {
            let locked = slot.try_lock();
            Arc::strong_count(slot) > 1 || locked.is_ok_and(|kept| kept.as_ref().is_some_and(|c| c.is_good()))
        };
        slots.retain(|_, slot| is_used(slot));
        Arc::clone(slots.entry(id).or_default())
    }

    /// Returns the existing connection and true, or a new one, made by `connect`, and false. If another task is
    /// already connecting, this waits for it, but for [`MAX_WAIT`] at most.
    pub(super) async fn get(
        &self,
        id: Id,
        connect: impl Future<Output = Result<Handle<HostKeyCheck>, GitError>>,
    ) -> Result<(Arc<SshConnection>, bool), GitError> {
        let slot = self.slot(id);
        let Ok(mut kept) = timeout(MAX_WAIT, slot.lock()).await else {
            return Ok((SshConnection::new(connect.await?), false));
        };
        if let Some(connection) = kept.as_ref().filter(|connection| connection.is_good()) {
            connection.touch();
            return Ok((Arc::clone(connection), true));
        }
        *kept = None;
        let connection = SshConnection::new(connect.await?);
        *kept = Some(Arc::clone(&connection));
        tokio::spawn(close(Arc::downgrade(&self.0), id, Arc::downgrade(&connection)));
        Ok((connection, false))
    }
}

/// Closes a connection that has not been used for [`IDLE`].
async fn close(slots: Weak<Mutex<HashMap<Id, Slot>>>, id: Id, connection: Weak<SshConnection>) {
    loop {
        sleep(IDLE).await;
        let (Some(slots), Some(connection)) = (slots.upgrade(), connection.upgrade()) else { return };
        let slot = slots.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let Some(slot) = slot else { return };
        let mut kept = slot.lock().await;
        if !kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, &connection)) {
            return;
        }
        drop(connection);
        if kept.as_ref().is_some_and(SshConnection::is_idle) {
            *kept = None;
            return;
        }
    }
}
