//! The simulated daemons: which are there, how many builds each has, and what is in its cache.

use std::ops::Range;
use std::sync::Arc;

use super::super::MAX_BUILDS;
use super::super::builds::Builds;
use super::super::choice::{self, Candidate, Choice, MemberState};
use super::trace::Trace;

/// The number of services whose layers fit into the cache of a daemon.
const CACHE: usize = 60;

/// What follows from the names of the daemons and the services.
pub(super) struct Setup {
    /// The number of daemons. There are a fifth more while the pool is [grown](Change::Grown).
    pub(super) size: usize,
    names: Vec<String>,
    /// For each service, its namespace.
    namespaces: Vec<Arc<str>>,
    /// For each service, the daemons in the order of choice.
    orders: Vec<Vec<usize>>,
    /// For each service, a hash that does not depend on daemons.
    hashes: Vec<u64>,
}

/// What happens to the daemons.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// This daemon goes, with its builds, but its cache stays.
    Killed(usize),
    /// The killed daemon is there again.
    Returned(usize),
    /// More daemons are there, with empty caches.
    Grown,
    /// The additional daemons finish their builds and go.
    Shrunk,
}

/// The daemons at some time of the day.
pub(super) struct Fleet<'a> {
    setup: &'a Setup,
    daemons: Vec<Daemon<'a>>,
    /// The positions of those that are up.
    up: Vec<usize>,
}

struct Daemon<'a> {
    name: &'a str,
    state: MemberState,
    builds: Builds,
    /// The services whose layers are cached, the one that was built last at the end.
    cache: Vec<usize>,
}

impl Setup {
    pub(super) fn new(trace: &Trace, size: usize) -> Self {
        let name = |nth| format!("tcp://buildkitd-{nth}.buildkitd.buildkit.svc:1234");
        let names: Vec<String> = (0..size + size / 5).map(name).collect();
        let identities = || names.iter().map(|name| Some(name.as_str()));
        let namespaces = trace.keys.iter().map(|key| key.namespace().clone()).collect();
        let orders = trace.keys.iter().map(|key| choice::order(key, identities())).collect();
        let hashes = trace.keys.iter().map(|key| key.weight("")).collect();
        Self { size, names, namespaces, orders, hashes }
    }

    pub(super) fn hash(&self, service: usize) -> u64 {
        self.hashes[service]
    }
}

impl<'a> Fleet<'a> {
    /// The daemons of a pool that has not grown, without builds, with empty caches.
    pub(super) fn new(setup: &'a Setup) -> Self {
        let daemons = setup.names.iter().map(|name| Daemon::new(name)).collect();
        let mut fleet = Self { setup, daemons, up: Vec::new() };
        fleet.set(0..setup.size, MemberState::Up);
        fleet
    }

    pub(super) fn change(&mut self, change: Change) {
        let more = self.setup.size..self.daemons.len();
        match change {
            Change::Killed(daemon) => self.set(daemon..daemon + 1, MemberState::Down),
            Change::Returned(daemon) => self.set(daemon..daemon + 1, MemberState::Up),
            Change::Grown => self.set(more, MemberState::Up),
            Change::Shrunk => self.set(more, MemberState::Draining),
        }
    }

    fn set(&mut self, daemons: Range<usize>, state: MemberState) {
        for daemon in &mut self.daemons[daemons] {
            daemon.state = state;
        }
        let daemons = self.daemons.iter().enumerate();
        let up = daemons.filter(|(_, daemon)| daemon.state == MemberState::Up);
        self.up = up.map(|(position, _)| position).collect();
    }

    /// The daemon that the product chooses, if each has at most `limit` builds.
    pub(super) fn chosen(&self, service: usize, limit: usize) -> Option<usize> {
        let namespace = &self.setup.namespaces[service];
        let candidates: Vec<_> =
            self.daemons.iter().map(|daemon| daemon.candidate(namespace, limit)).collect();
        match choice::among(self.setup.orders[service].clone(), &candidates) {
            Choice::At(daemon) => Some(daemon),
            Choice::Full(_) | Choice::Nobody => None,
        }
    }

    /// The daemon at `number` modulo the number of daemons that are up.
    pub(super) fn nth_up(&self, number: u64) -> Option<usize> {
        let nth = (number as usize).checked_rem(self.up.len())?;
        self.up.get(nth).copied()
    }

    /// Of the daemons that have a place for `service`, the one with the fewest builds. `draw` decides between equals.
    pub(super) fn least_loaded(&self, service: usize, draw: u64) -> Option<usize> {
        let all = self.daemons.len();
        let turned = |daemon: usize| (daemon + draw as usize % all) % all;
        let free = self.up.iter().copied().filter(|daemon| self.has_place(*daemon, service));
        free.min_by_key(|daemon| (self.daemons[*daemon].builds.all, turned(*daemon)))
    }

    /// The hash of a service, which does not depend on daemons.
    pub(super) fn hash(&self, service: usize) -> u64 {
        self.setup.hash(service)
    }

    /// Whether `daemon` may have one more build of `service`.
    pub(super) fn has_place(&self, daemon: usize, service: usize) -> bool {
        self.daemons[daemon].builds.may_add(&self.setup.namespaces[service], MAX_BUILDS)
    }

    /// Begins a build. Returns whether the daemon has the layers of `service`.
    pub(super) fn begin(&mut self, daemon: usize, service: usize) -> bool {
        let daemon = &mut self.daemons[daemon];
        daemon.builds.add(&self.setup.namespaces[service]);
        let is_warm = daemon.cache.contains(&service);
        if is_warm {
            daemon.keep(service);
        }
        is_warm
    }

    /// Ends a build, whose layers are then in the cache.
    pub(super) fn end(&mut self, daemon: usize, service: usize) {
        self.lose(daemon, service);
        self.keep(daemon, service);
    }

    /// Ends a build whose daemon was killed.
    pub(super) fn lose(&mut self, daemon: usize, service: usize) {
        self.daemons[daemon].builds.remove(&self.setup.namespaces[service]);
    }

    /// Puts the layers of `service` into the cache of `daemon`.
    pub(super) fn keep(&mut self, daemon: usize, service: usize) {
        self.daemons[daemon].keep(service);
    }
}

impl<'a> Daemon<'a> {
    fn new(name: &'a str) -> Self {
        Self { name, state: MemberState::Draining, builds: Builds::default(), cache: Vec::new() }
    }

    fn candidate(&self, namespace: &str, limit: usize) -> Candidate<'a> {
        let is_free = self.builds.may_add(namespace, limit);
        Candidate { identity: Some(self.name), state: self.state, is_free, covers: 0 }
    }

    fn keep(&mut self, service: usize) {
        self.cache.retain(|kept| *kept != service);
        self.cache.push(service);
        if self.cache.len() > CACHE {
            // The one that was not built for the longest time.
            self.cache.remove(0);
        }
    }
}
