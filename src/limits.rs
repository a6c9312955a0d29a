//! Memory that all jobs of a process share. One job's need does not end the others, and one tenant's use does not
//! block the others.

pub mod descriptors;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use queue::TenantQueue;

/// The most nodes of a YAML file that is edited. Each takes some 260 bytes in memory: a file of `1,1,…` took 130
/// times its size.
pub const YAML_NODES: usize = 200_000;

/// The memory in bytes that one node of a YAML file takes: 4 MB of `1,1,…` took 528 MB.
const YAML_NODE: usize = 264;
/// The minimum number of bytes of a file for each node.
const YAML_NODE_BYTES: usize = 2;

/// The interval between checks whether another tenant waits.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// A number of bytes that may be held at the same time. Clones share them.
///
/// A handle from [`Self::of`] is for one tenant, which may hold half of the bytes. Waiting tenants take turns. A
/// handle without a tenant may hold all.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<BudgetState>,
    tenant: Option<Arc<str>>,
}

#[derive(Debug)]
struct BudgetState {
    total: usize,
    /// The most bytes that one tenant may hold.
    share: usize,
    queue: Mutex<TenantQueue>,
}

/// Bytes that are held until this value is dropped.
#[derive(Debug)]
#[must_use]
pub struct Held {
    budget: Budget,
    bytes: usize,
}

/// A request for more bytes than are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{wanted} bytes are needed at a time, and {allowed} are allowed for all steps of {} together",
    if *.one_tenant { "one namespace" } else { "this process" }
)]
pub struct TooMuch {
    /// The bytes that were requested.
    pub wanted: usize,
    /// The bytes that the caller may hold.
    pub allowed: usize,
    /// Whether that is the limit of one tenant.
    pub one_tenant: bool,
}

/// The maximum memory in bytes for the nodes of a YAML file of so many bytes while it is parsed.
pub fn yaml_memory(bytes: usize) -> usize {
    (bytes / YAML_NODE_BYTES).min(YAML_NODES) * YAML_NODE
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: usize) -> Self {
        Self::shared(total, total / 2)
    }

    /// A budget of `total` bytes, of which one tenant may hold all. It is for bytes that are held for a short time.
    pub fn in_turns(total: usize) -> Self {
        Self::shared(total, total)
    }

    fn shared(total: usize, share: usize) -> Self {
        let queue = Mutex::new(TenantQueue::new(total));
        Self { shared: Arc::new(BudgetState { total, share, queue }), tenant: None }
    }

    /// A handle to the same bytes for `tenant`, such as a namespace.
    #[must_use]
    pub fn of(&self, tenant: Option<&str>) -> Self {
        Self { tenant: tenant.map(Arc::from), ..self.clone() }
    }

    /// The most bytes that this handle and others of the same tenant may hold.
    pub fn allowed(&self) -> usize {
        if self.tenant.is_some() { self.shared.share } else { self.shared.total }
    }

    /// Checks whether `bytes` may be held, once others have released theirs.
    ///
    /// # Errors [`TooMuch`] if the bytes are more than [allowed](Self::allowed).
    pub fn could_take(&self, bytes: usize) -> Result<(), TooMuch> {
        let (allowed, one_tenant) =
            (self.allowed(), self.tenant.is_some() && self.shared.share < self.shared.total);
        if bytes > allowed { Err(TooMuch { wanted: bytes, allowed, one_tenant }) } else { Ok(()) }
    }

    /// Waits until `bytes` are free, and holds them. Tenants take turns. The requests of one tenant are served in
    /// order. A caller must request everything at once: two holders that request more would wait for each other.
    ///
    /// # Errors [`TooMuch`] if the bytes are more than [allowed](Self::allowed).
    pub async fn take(&self, bytes: usize) -> Result<Held, TooMuch> {
        self.could_take(bytes)?;
        let (granted, answer) = oneshot::channel();
        let number = {
            let mut queue = self.queue();
            let number = queue.join(self.tenant(), bytes, self.allowed(), granted);
            queue.grant();
            number
        };
        let mut waiting = Waiting { budget: self, bytes, number: Some(number) };
        // The sender always sends before it is dropped.
        let _ = answer.await;
        waiting.number = None;
        Ok(Held { budget: self.clone(), bytes })
    }

    /// Holds `bytes` if they are free now and no request waits for them.
    pub fn try_take(&self, bytes: usize) -> Option<Held> {
        let taken = self.queue().take(self.tenant(), bytes, self.allowed());
        taken.then(|| Held { budget: self.clone(), bytes })
    }

    /// Completes when another tenant waits for bytes, but not before `from`.
    pub async fn wanted(&self, from: Instant) {
        sleep_until(from).await;
        while !self.others_wait() {
            sleep(CHECK_INTERVAL).await;
        }
    }

    fn others_wait(&self) -> bool {
        self.queue().others_wait(self.tenant())
    }

    fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or_default()
    }

    fn queue(&self) -> MutexGuard<'_, TenantQueue> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, bytes: usize) {
        let mut queue = self.queue();
        queue.give_back(self.tenant(), bytes);
        queue.grant();
    }
}

impl Held {
    /// Gives back what is more than `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        let more = self.bytes.saturating_sub(bytes);
        self.bytes -= more;
        self.budget.give_back(more);
    }

    /// Adds the bytes that `other` holds. Both must be of the same tenant.
    pub fn merge(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// A waiting request. It leaves the queue when it is dropped.
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
            // The bytes were granted, but the request is dropped.
            queue.give_back(self.budget.tenant(), self.bytes);
        }
        queue.grant();
    }
}

#[cfg(test)]
mod tests;
