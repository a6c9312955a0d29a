//! What all jobs of a process share: bytes of memory. One job's need never ends the others, and one tenant's never keeps the others waiting.

pub mod descriptors;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use queue::Queue;

/// Nodes of a YAML file that is edited. Each takes some 260 bytes in memory, so that a file of `1,1,…` took 130 times its size.
pub const YAML_NODES: usize = 200_000;

/// How often it is looked whether others wait.
const LOOK: Duration = Duration::from_millis(500);

/// Bytes that may be held at a time. Clones share them.
///
/// A handle made with [`Self::of`] takes for one tenant, who may hold half of the bytes; tenants who wait take turns.
/// A handle without a tenant may take all.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
    tenant: Option<Arc<str>>,
}

#[derive(Debug)]
struct Shared {
    total: usize,
    /// Bytes that one tenant may hold.
    share: usize,
    queue: Mutex<Queue>,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Held {
    budget: Budget,
    bytes: usize,
}

/// More than may ever be held at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{wanted} bytes are needed at a time, and {allowed} are allowed for all steps of {} together",
    if *.one_tenant { "one namespace" } else { "this process" }
)]
pub struct TooMuch {
    /// Bytes that were asked for.
    pub wanted: usize,
    /// Bytes that there are for who asked.
    pub allowed: usize,
    /// Whether these are one tenant's share.
    pub one_tenant: bool,
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: usize) -> Self {
        Self::shared(total, total / 2)
    }

    /// A budget of `total` bytes, of which one tenant may hold all: for what nobody holds for long.
    pub fn in_turns(total: usize) -> Self {
        Self::shared(total, total)
    }

    fn shared(total: usize, share: usize) -> Self {
        let queue = Mutex::new(Queue::new(total));
        Self { shared: Arc::new(Shared { total, share, queue }), tenant: None }
    }

    /// The same bytes, taken for `tenant`, such as a namespace.
    #[must_use]
    pub fn of(&self, tenant: Option<&str>) -> Self {
        Self { tenant: tenant.map(Arc::from), ..self.clone() }
    }

    /// Bytes that may be held with this handle, and with others of the same tenant.
    pub fn allowed(&self) -> usize {
        if self.tenant.is_some() { self.shared.share } else { self.shared.total }
    }

    /// Whether `bytes` may be held once others have let go of theirs.
    ///
    /// # Errors
    /// [`TooMuch`] where so many are not [allowed](Self::allowed).
    pub fn could_take(&self, bytes: usize) -> Result<(), TooMuch> {
        let (allowed, one_tenant) =
            (self.allowed(), self.tenant.is_some() && self.shared.share < self.shared.total);
        if bytes > allowed { Err(TooMuch { wanted: bytes, allowed, one_tenant }) } else { Ok(()) }
    }

    /// Holds `bytes`, once others have let go of as many. Tenants take turns; of one tenant it is first come, first
    /// served. Ask once for all that is needed: two holders who ask again wait for each other.
    ///
    /// # Errors
    /// [`TooMuch`] where so many are not [allowed](Self::allowed).
    pub async fn take(&self, bytes: usize) -> Result<Held, TooMuch> {
        self.could_take(bytes)?;
        let (given, told) = oneshot::channel();
        let number = {
            let mut queue = self.queue();
            let number = queue.join(self.tenant(), bytes, self.allowed(), given);
            queue.give();
            number
        };
        let mut waiting = Waiting { budget: self, bytes, number: Some(number) };
        // The sender is dropped with its answer only.
        let _ = told.await;
        waiting.number = None;
        Ok(Held { budget: self.clone(), bytes })
    }

    /// Holds `bytes` if as many are free now, and nobody waits for them.
    pub fn try_take(&self, bytes: usize) -> Option<Held> {
        let taken = self.queue().take(self.tenant(), bytes, self.allowed());
        taken.then(|| Held { budget: self.clone(), bytes })
    }

    /// Ends once another tenant waits for bytes, and not before `from`.
    pub async fn wanted(&self, from: Instant) {
        sleep_until(from).await;
        while !self.others_wait() {
            sleep(LOOK).await;
        }
    }

    fn others_wait(&self) -> bool {
        self.queue().others_wait(self.tenant())
    }

    fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or_default()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, bytes: usize) {
        let mut queue = self.queue();
        queue.give_back(self.tenant(), bytes);
        queue.give();
    }
}

impl Held {
    /// Holds what `other` held too, which the same tenant took.
    pub fn merge(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// A waiter. It leaves the queue when it is dropped.
struct Waiting<'b> {
    budget: &'b Budget,
    bytes: usize,
    number: Option<u64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut queue = self.budget.queue();
        if !queue.leave(self.budget.tenant(), number) {
            // They were given just now, and nobody will take them.
            queue.give_back(self.budget.tenant(), self.bytes);
        }
        queue.give();
    }
}

#[cfg(test)]
mod tests;
