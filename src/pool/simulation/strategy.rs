//! The ways to choose a daemon that are compared.

use super::super::MAX_BUILDS;
use super::fleet::{Change, Fleet, Setup};
use super::trace::SERVICES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// What the product does: the first choice of the service, or the next one that is not full.
    Ours,
    /// Always the first choice. A build waits while it is full.
    Unbounded,
    /// The hash of the service, modulo the number of daemons that are up.
    Modulo,
    /// Any daemon that is up.
    Random,
    /// The daemon with the fewest builds, of those that have a place.
    LeastLoaded,
}

impl Strategy {
    pub(super) const ALL: [Self; 5] =
        [Self::Ours, Self::Unbounded, Self::Modulo, Self::Random, Self::LeastLoaded];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "pool (rendezvous, bounded)",
            Self::Unbounded => "rendezvous, not bounded",
            Self::Modulo => "modulo",
            Self::Random => "random",
            Self::LeastLoaded => "least loaded",
        }
    }

    /// The daemon where a build of `service` begins now. `None` if it waits.
    pub(super) fn place(self, fleet: &Fleet<'_>, service: usize, draw: u64) -> Option<usize> {
        let daemon = match self {
            Self::Ours => return fleet.chosen(service, MAX_BUILDS),
            Self::Unbounded => fleet.chosen(service, usize::MAX),
            Self::Modulo => fleet.nth_up(fleet.hash(service)),
            Self::Random => fleet.nth_up(draw),
            Self::LeastLoaded => fleet.least_loaded(service, draw),
        };
        daemon.filter(|daemon| fleet.has_place(*daemon, service))
    }

    /// The number of services that move to another daemon after `change`. `None` if a service has no fixed daemon.
    pub(super) fn moved(self, setup: &Setup, change: Change) -> Option<usize> {
        if matches!(self, Self::Random | Self::LeastLoaded) {
            return None;
        }
        let mut fleet = Fleet::new(setup);
        let before = self.homes(&fleet);
        fleet.change(change);
        let after = self.homes(&fleet);
        Some(before.iter().zip(&after).filter(|(before, after)| before != after).count())
    }

    /// The daemon of each service while nothing is built.
    fn homes(self, fleet: &Fleet<'_>) -> Vec<Option<usize>> {
        (0..SERVICES).map(|service| self.place(fleet, service, 0)).collect()
    }
}
