//! How much of a budget each tenant holds, and which is next: tenants take turns, so that one that asks often waits no less
//! than the others.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot::Sender;

/// The bytes of one budget.
#[derive(Debug)]
pub(super) struct Queue {
    free: usize,
    /// Numbers and turns given out.
    given: u64,
    tenants: HashMap<Arc<str>, Tenant>,
}

/// One tenant's bytes. It is forgotten with the last of them.
#[derive(Debug, Default)]
struct Tenant {
    held: usize,
    waiting: VecDeque<Request>,
    /// The turn at which it began to wait or was last given something. The tenant with the lowest is next.
    turn: u64,
}

#[derive(Debug)]
struct Request {
    number: u64,
    bytes: usize,
    /// Bytes that its tenant may hold with these.
    allowed: usize,
    given: Sender<()>,
}

impl Queue {
    pub(super) fn new(total: usize) -> Self {
        Self { free: total, given: 0, tenants: HashMap::new() }
    }

    /// Puts a request at the end of its tenant's line, and returns its number.
    pub(super) fn join(&mut self, tenant: &str, bytes: usize, allowed: usize, given: Sender<()>) -> u64 {
        let number = self.stamp();
        let line = self.tenants.entry(Arc::from(tenant)).or_default();
        if line.waiting.is_empty() {
            line.turn = number;
        }
        line.waiting.push_back(Request { number, bytes, allowed, given });
        number
    }

    /// Gives to whoever is next for as long as there is enough. A large request is not passed over for smaller ones,
    /// or it would wait for ever; a tenant who holds as much as it may keeps nobody waiting.
    pub(super) fn give(&mut self) {
        loop {
            let turn = self.stamp();
            let able = self.tenants.values_mut().filter(|tenant| tenant.next().is_some());
            let Some(tenant) = able.min_by_key(|tenant| tenant.turn) else { return };
            let fits = tenant.next().is_some_and(|bytes| bytes <= self.free);
            let Some(request) = tenant.waiting.pop_front_if(|_| fits) else { return };
            self.free -= request.bytes;
            tenant.held += request.bytes;
            tenant.turn = turn;
            // A waiter that has left gives its bytes back.
            let _ = request.given.send(());
        }
    }

    /// Takes `bytes` at once, if there are so many and nobody waits for them who may have them.
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
        if let Some(line) = self.tenants.get_mut(tenant) {
            line.held -= bytes;
        }
        self.forget(tenant);
    }

    /// Takes a request out. Says whether it was still waiting.
    pub(super) fn leave(&mut self, tenant: &str, number: u64) -> bool {
        let Some(line) = self.tenants.get_mut(tenant) else { return false };
        let place = line.waiting.iter().position(|request| request.number == number);
        let left = place.and_then(|place| line.waiting.remove(place)).is_some();
        self.forget(tenant);
        left
    }

    /// Whether another tenant than this waits, and could be given what it waits for.
    pub(super) fn others_wait(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|(name, other)| **name != *tenant && other.next().is_some())
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    fn forget(&mut self, tenant: &str) {
        if self.tenants.get(tenant).is_some_and(|line| line.held == 0 && line.waiting.is_empty()) {
            self.tenants.remove(tenant);
        }
    }

    fn stamp(&mut self) -> u64 {
        self.given += 1;
        self.given
    }
}

impl Tenant {
    /// The bytes of its first request, unless it has to give something back before.
    fn next(&self) -> Option<usize> {
        let request = self.waiting.front()?;
        (self.held + request.bytes <= request.allowed).then_some(request.bytes)
    }
}
