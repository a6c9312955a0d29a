//! The branches' tips, read while the image was built, before the write-back was requested.
//!
//! The tips may be stale by then. This does no harm: a push updates the branch only if it still has the value that
//! was read. For every other answer the tips are read again first.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::git::push::ReceivePack;
use crate::git::read::BranchTips;

/// The maximum age of tips that are used for a push. A branch with other writers has moved on by then.
const RECENT: Duration = Duration::from_secs(600);
/// How long a program may wait on the server for the push; after that a new one is started.
const WAITING: Duration = Duration::from_secs(60);

/// The branches' tips, as the server's `git-receive-pack` listed them.
pub(super) struct TipsReadAhead {
    tips: BranchTips,
    open: Arc<Mutex<Option<ReceivePack>>>,
    read: Instant,
    _closing: Option<AbortOnDropHandle<()>>,
}

impl TipsReadAhead {
    pub(super) fn new(tips: BranchTips, open: Option<ReceivePack>, read: Instant) -> Self {
        let waits = open.as_ref().is_some_and(ReceivePack::waits);
        let open = Arc::new(Mutex::new(open));
        let closing = waits.then(|| AbortOnDropHandle::new(tokio::spawn(close(Arc::downgrade(&open)))));
        Self { tips, open, read, _closing: closing }
    }

    /// The tips and the connection for a push; `None` if the tips are too old.
    pub(super) fn recent(self) -> Option<(BranchTips, Option<ReceivePack>, Instant)> {
        let open = taken(&self.open);
        (self.read.elapsed() < RECENT).then_some((self.tips, open, self.read))
    }
}

fn taken(open: &Mutex<Option<ReceivePack>>) -> Option<ReceivePack> {
    open.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Closes the connection after [`WAITING`], so that no program waits on the server for longer.
async fn close(open: Weak<Mutex<Option<ReceivePack>>>) {
    sleep(WAITING).await;
    drop(open.upgrade().and_then(|open| taken(&open)));
}
