//! Where the branches were before a write-back was asked for: while the image was built.
//!
//! It may be old by then. That does no harm: a push moves the branch only from where it was read, and whoever would be answered
//! otherwise is answered after another look.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::git::push::ReceivePack;
use crate::git::read::Tips;

/// How old the place of a branch may be for a push to be tried on it. A branch that others write has moved on by then.
const RECENT: Duration = Duration::from_secs(600);
/// How long a program waits at the server for the push; it is started anew then.
const WAITING: Duration = Duration::from_secs(60);

/// Where the branches were, as the service said that takes pushes.
pub(super) struct Ahead {
    tips: Tips,
    open: Arc<Mutex<Option<ReceivePack>>>,
    read: Instant,
    _closing: Option<AbortOnDropHandle<()>>,
}

impl Ahead {
    pub(super) fn new(tips: Tips, open: Option<ReceivePack>, read: Instant) -> Self {
        let waits = open.as_ref().is_some_and(ReceivePack::waits);
        let open = Arc::new(Mutex::new(open));
        let closing = waits.then(|| AbortOnDropHandle::new(tokio::spawn(close(Arc::downgrade(&open)))));
        Self { tips, open, read, _closing: closing }
    }

    /// What a push is tried on; nothing where it is too old.
    pub(super) fn recent(self) -> Option<(Tips, Option<ReceivePack>, Instant)> {
        let open = taken(&self.open);
        (self.read.elapsed() < RECENT).then_some((self.tips, open, self.read))
    }
}

fn taken(open: &Mutex<Option<ReceivePack>>) -> Option<ReceivePack> {
    open.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Keeps no program waiting at the server for long.
async fn close(open: Weak<Mutex<Option<ReceivePack>>>) {
    sleep(WAITING).await;
    drop(open.upgrade().and_then(|open| taken(&open)));
}
