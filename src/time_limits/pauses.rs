//! The pauses between attempts, the same for all clients.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Pauses that double from `shortest` to `longest`. Each is randomly up to twice as long, so that many callers do not
/// retry at the same time. There are three, unless the caller changes the number.
pub(crate) fn growing(shortest: Duration, longest: Duration) -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(shortest).with_max_delay(longest).with_jitter()
}

/// For a call that may safely be repeated: four attempts within some seconds.
pub(crate) fn few() -> ExponentialBuilder {
    growing(Duration::from_millis(200), Duration::from_secs(3))
}

/// [`growing`] pauses without end, for tasks that run as long as the process.
pub(crate) fn endless(shortest: Duration, longest: Duration) -> ExponentialBackoff {
    growing(shortest, longest).without_max_times().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_end_only_where_they_are_to() {
        let [short, long] = [100, 400].map(Duration::from_millis);
        let within = |pause: Duration, least: Duration| least <= pause && pause <= least * 2;
        for (pause, least) in endless(short, long).zip([short, short * 2, long, long, long]) {
            assert!(within(pause, least), "{pause:?} of {least:?}");
        }
        assert_eq!(few().build().count(), 3);
    }
}
