//! How long another's lease has stood still, by this process's clock alone.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use tokio::time::Instant;

/// What the lease says, and since when it has been seen to say so.
pub(super) struct Sight {
    spec: LeaseSpec,
    since: Instant,
    last: Instant,
    /// After so long without a look the holder may have been as blind as we were, so it gets its whole time again.
    blind: Duration,
}

impl Sight {
    /// A lease that is seen for the first time: its holder has the whole duration from now.
    pub(super) fn new(spec: LeaseSpec, now: Instant, blind: Duration) -> Self {
        Self { spec, since: now, last: now, blind }
    }

    /// What is seen now.
    pub(super) fn look(&mut self, spec: LeaseSpec, now: Instant) {
        if self.spec != spec || now - self.last > self.blind {
            self.since = now;
        }
        (self.spec, self.last) = (spec, now);
    }

    /// When it expires unless it is renewed; `otherwise` is for a lease that says nothing of its duration.
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
        let mut sight = Sight::new(spec(1), start, Duration::from_secs(8));
        for (now, transitions, expires, why) in [
            (2, 1, 15, "unchanged"),
            (4, 2, 19, "changed"),
            (12, 2, 19, "unchanged, and not out of sight for long"),
            (21, 2, 36, "nobody looked for too long"),
            (23, 2, 36, "unchanged since"),
        ] {
            sight.look(spec(transitions), at(now));
            assert_eq!(sight.expires(OTHERWISE), at(expires), "{why}");
        }
        sight.look(LeaseSpec::default(), at(24));
        assert_eq!(sight.expires(OTHERWISE), at(24) + OTHERWISE);
    }
}
