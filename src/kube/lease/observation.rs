//! How long the lease of another holder has not changed, by this process's clock alone.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use tokio::time::Instant;

/// The observed content of the lease, and the time since when it has not changed.
pub(super) struct LeaseObservation {
    spec: LeaseSpec,
    since: Instant,
    last: Instant,
    /// The longest pause between two reads. After a longer pause, the holder may also have been unable to reach the
    /// server, so it gets its whole time again.
    max_gap: Duration,
}

impl LeaseObservation {
    /// The first observation of a lease: its holder has the whole duration from now.
    pub(super) fn new(spec: LeaseSpec, now: Instant, max_gap: Duration) -> Self {
        Self { spec, since: now, last: now, max_gap }
    }

    /// Adds an observation.
    pub(super) fn observe(&mut self, spec: LeaseSpec, now: Instant) {
        if self.spec != spec || now - self.last > self.max_gap {
            self.since = now;
        }
        (self.spec, self.last) = (spec, now);
    }

    /// The time at which the lease expires unless it is renewed. `otherwise` is the duration if the lease has none.
    pub(super) fn expires(&self, otherwise: Duration) -> Instant {
        let seconds = self.spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        self.since + seconds.map_or(otherwise, Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERWISE: Duration = Duration::from_secs(99);

    fn spec(transitions: i32) -> LeaseSpec {
        let (lease_transitions, lease_duration_seconds) = (Some(transitions), Some(15));
        LeaseSpec { lease_transitions, lease_duration_seconds, ..LeaseSpec::default() }
    }

    #[test]
    fn a_lease_expires_when_it_was_watched_standing_still_for_so_long() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut observation = LeaseObservation::new(spec(1), start, Duration::from_secs(8));
        for (now, transitions, expires, why) in [
            (2, 1, 15, "unchanged"),
            (4, 2, 19, "changed"),
            (12, 2, 19, "unchanged, and not out of sight for long"),
            (21, 2, 36, "nobody looked for too long"),
            (23, 2, 36, "unchanged since"),
        ] {
            observation.observe(spec(transitions), at(now));
            assert_eq!(observation.expires(OTHERWISE), at(expires), "{why}");
        }
        observation.observe(LeaseSpec::default(), at(24));
        assert_eq!(observation.expires(OTHERWISE), at(24) + OTHERWISE);
    }
}
