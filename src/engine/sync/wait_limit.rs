//! How long each state of an Application is waited for, and when Argo CD is asked to look again.

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use tokio::time::Instant;

use crate::argocd::Waiting;

/// What is done while a state lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WaitLimit {
    /// How long it may last. `None`: as long as the step may.
    pub(super) limit: Option<Duration>,
    /// The time between two refreshes, where a refresh may end it.
    pub(super) refresh: Option<Duration>,
}

const fn seconds(limit: u64) -> Option<Duration> {
    Some(Duration::from_secs(limit))
}

impl WaitLimit {
    /// For `waiting`. Each limit is some times what a busy controller needed on a real cluster.
    pub(super) fn of(waiting: &Waiting) -> Self {
        let (limit, refresh) = match waiting {
            // A comparison begins within seconds, unless no controller is there.
            Waiting::NoStatus => (seconds(30), None),
            Waiting::Comparing => (seconds(120), None),
            // A project that is created later is seen at the next refresh only.
            Waiting::Refused { .. } => (seconds(6), seconds(3)),
            // A Git server that is back is seen at the next refresh, and else after minutes.
            Waiting::NotCompared { .. } => (seconds(20), seconds(6)),
            // The commit may not be visible yet, on a mirror for example.
            Waiting::OtherRevision { .. } => (seconds(60), seconds(10)),
            Waiting::OlderSync { .. } | Waiting::Window | Waiting::Syncing { .. } => (None, None),
            // The same operation may begin again.
            Waiting::SyncFailed { .. } => (seconds(5), None),
            Waiting::OutOfSync { is_automated: false } => (seconds(5), None),
            Waiting::OutOfSync { is_automated: true } => (seconds(60), None),
            // A comparison after the sync ends it, within a second.
            Waiting::StillDiffers => (seconds(30), seconds(10)),
            Waiting::NotHealthy { .. } => (None, None),
            // For a moment after a failed rollout was mended, the Application is still Degraded.
            Waiting::Degraded => (seconds(5), None),
            // The list of images is made from the pods, and they change until the old ones are gone.
            Waiting::NoImage { .. } => (seconds(5), None),
        };
        Self { limit, refresh }
    }
}

/// Since when the present state lasts. A refresh does not begin a state anew.
#[derive(Debug)]
pub(super) struct Clock {
    state: Option<(Discriminant<Waiting>, Instant)>,
    comparing: Option<Instant>,
    /// The last refresh.
    refreshed: Instant,
}

impl Clock {
    /// Starts with a refresh that was requested now.
    pub(super) fn new() -> Self {
        Self { state: None, comparing: None, refreshed: Instant::now() }
    }

    /// Notes the present state, and returns since when it lasts.
    pub(super) fn note(&mut self, waiting: &Waiting) -> Instant {
        let now = Instant::now();
        if matches!(waiting, Waiting::Comparing) {
            return *self.comparing.get_or_insert(now);
        }
        self.comparing = None;
        let kind = discriminant(waiting);
        match self.state {
            Some((last, since)) if last == kind => since,
            _ => {
                self.state = Some((kind, now));
                now
            }
        }
    }

    /// When the next refresh is due, if refreshes are `every` so long.
    pub(super) fn refresh_at(&self, every: Duration) -> Instant {
        self.refreshed + every
    }

    /// Notes a refresh.
    pub(super) fn refreshed(&mut self) {
        self.refreshed = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_compared() -> Waiting {
        Waiting::NotCompared { message: String::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_does_not_begin_a_state_anew() {
        let mut clock = Clock::new();
        let began = clock.note(&not_compared());
        tokio::time::advance(Duration::from_secs(7)).await;
        let compared = clock.note(&Waiting::Comparing);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.note(&Waiting::Comparing), compared);
        assert_eq!(clock.note(&not_compared()), began);
        assert_ne!(clock.note(&Waiting::Degraded), began);
        assert_ne!(clock.note(&not_compared()), began);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_comparison_is_refreshed_before_its_limit() {
        let WaitLimit { limit, refresh } = WaitLimit::of(&not_compared());
        assert!(refresh.zip(limit).is_some_and(|(refresh, limit)| refresh * 2 < limit));
        let clock = Clock::new();
        assert_eq!(clock.refresh_at(Duration::from_secs(6)) - Instant::now(), Duration::from_secs(6));
    }
}
