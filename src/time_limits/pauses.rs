//! Pauses before another try, alike for all clients.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Pauses that double from `shortest` to `longest`, each up to twice as long at random, so that many callers do not come at
/// once; three of them, unless the caller says otherwise.
pub(crate) fn growing(shortest: Duration, longest: Duration) -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(shortest).with_max_delay(longest).with_jitter()
}

/// For a call that changes nothing, or nothing twice: four tries within some seconds.
pub(crate) fn few() -> ExponentialBuilder {
    growing(Duration::from_millis(200), Duration::from_secs(3))
}

/// [`growing`] pauses without end, for what is kept up as long as the process runs.
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
