//! Tracks how many bytes each tenant holds, and which tenant is next. Tenants take turns, so a tenant with many
//! requests does not delay the others.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot::Sender;

/// The bytes of one budget.
#[derive(Debug)]
pub(super) struct TenantQueue {
    free: usize,
    /// The last number that was used for a request or a turn.
    last_number: u64,
    tenants: HashMap<Arc<str>, Tenant>,
}

/// One tenant's bytes. The entry is removed when the tenant holds nothing and waits for nothing.
#[derive(Debug, Default)]
struct Tenant {
    held: usize,
    waiting: VecDeque<QueuedRequest>,
    /// The number of the turn at which the tenant began to wait or was last granted bytes. The tenant with the lowest
    /// number is next.
    turn: u64,
}

#[derive(Debug)]
struct QueuedRequest {
    number: u64,
    bytes: usize,
    /// The most bytes that its tenant may hold, including these.
    allowed: usize,
    granted: Sender<()>,
}

impl TenantQueue {
    pub(super) fn new(total: usize) -> Self {
        Self { free: total, last_number: 0, tenants: HashMap::new() }
    }

    /// Appends a request to its tenant's queue. Returns its number.
    pub(super) fn join(&mut self, tenant: &str, bytes: usize, allowed: usize, granted: Sender<()>) -> u64 {
        let number = self.next_number();
        let entry = self.tenants.entry(Arc::from(tenant)).or_default();
        if entry.waiting.is_empty() {
            entry.turn = number;
        }
        entry.waiting.push_back(QueuedRequest { number, bytes, allowed, granted });
        number
    }

    /// Grants requests in turn as long as there are enough bytes. A large request at the front blocks smaller ones,
    /// or it would wait for ever. A tenant that holds its maximum is skipped.
    pub(super) fn grant(&mut self) {
        loop {
            let turn = self.next_number();
            let able = self.tenants.values_mut().filter(|tenant| tenant.next().is_some());
            let Some(tenant) = able.min_by_key(|tenant| tenant.turn) else { return };
            let fits = tenant.next().is_some_and(|bytes| bytes <= self.free);
            let Some(request) = tenant.waiting.pop_front_if(|_| fits) else { return };
            self.free -= request.bytes;
            tenant.held += request.bytes;
            tenant.turn = turn;
            // A waiter that was dropped returns its bytes.
            let _ = request.granted.send(());
        }
    }

    /// Takes `bytes` at once. Fails if there are not enough, or if another request could use them.
    pub(super) fn take(&mut self, tenant: &str, bytes: usize, allowed: usize) -> bool {
        let held = self.tenants.get(tenant).map_or(0, |tenant| tenant.held);
        let is_wanted = self.tenants.values().any(|tenant| tenant.next().is_some());
        let can = !is_wanted && bytes <= self.free && held + bytes <= allowed;
        if can {
            self.free -= bytes;
            self.tenants.entry(Arc::from(tenant)).or_default().held += bytes;
        }
        can
    }

    pub(super) fn give_back(&mut self, tenant: &str, bytes: usize) {
        self.free += bytes;
        if let Some(entry) = self.tenants.get_mut(tenant) {
            entry.held -= bytes;
        }
        self.forget(tenant);
    }

    /// Removes a request. Returns whether it was still waiting.
    pub(super) fn leave(&mut self, tenant: &str, number: u64) -> bool {
        let Some(entry) = self.tenants.get_mut(tenant) else { return false };
        let index = entry.waiting.iter().position(|request| request.number == number);
        let left = index.and_then(|index| entry.waiting.remove(index)).is_some();
        self.forget(tenant);
        left
    }

    /// Whether another tenant waits for bytes that it may hold.
    pub(super) fn others_wait(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|(name, other)| **name != *tenant && other.next().is_some())
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    fn forget(&mut self, tenant: &str) {
        if self.tenants.get(tenant).is_some_and(|entry| entry.held == 0 && entry.waiting.is_empty()) {
            self.tenants.remove(tenant);
        }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

impl Tenant {
    /// The size of its first request; `None` if the tenant must return bytes first.
    fn next(&self) -> Option<usize> {
        let request = self.waiting.front()?;
        (self.held + request.bytes <= request.allowed).then_some(request.bytes)
    }
}
