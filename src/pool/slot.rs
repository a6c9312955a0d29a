//! A build's place on a member, and the wait for one. Both end when they are dropped.

use std::sync::Arc;

use super::Inner;
use super::roster::{Look, Member};
use super::waiters::Ticket;

/// A build's place on a member. Dropping it gives the place to the next build.
pub struct Slot {
    /// The member. The whole build stays on it.
    pub member: Member,
    namespace: Arc<str>,
    pool: Arc<Inner>,
}

impl Slot {
    pub(super) fn new(pool: &Arc<Inner>, member: Member, namespace: &Arc<str>) -> Self {
        Self { member, namespace: namespace.clone(), pool: pool.clone() }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.pool.change(|roster| roster.leave(self.member.id, &self.namespace));
    }
}

/// A build that waits for a place. Dropping it ends the wait, and gives back a place that it does not know of yet.
pub(super) struct Waiting<'a> {
    pool: &'a Arc<Inner>,
    ticket: Ticket,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(pool: &'a Arc<Inner>, ticket: Ticket) -> Self {
        Self { pool, ticket }
    }

    /// Waits for a place. `tell` gets a line whenever the position changes.
    pub(super) async fn slot(self, mut tell: impl FnMut(String)) -> Slot {
        let mut changes = self.pool.changes();
        let mut last = None;
        loop {
            let look = self.pool.roster().look(&self.ticket);
            match look {
                Some(Look::Placed(member)) => {
                    return Slot::new(self.pool, member, &self.ticket.namespace);
                }
                Some(Look::Waits { first, ahead }) if last != Some(ahead) => {
                    last = Some(ahead);
                    tell(format!("waiting for {first}, {ahead} before you"));
                }
                // The ticket is in the line until it has a place.
                Some(Look::Waits { .. }) | None => {}
            }
            // The pool has the sender, so this is no error.
            let _ = changes.changed().await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pool.change(|roster| roster.cancel(&self.ticket));
    }
}
