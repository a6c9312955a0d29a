//! Watches for good: the API server ends each of them after some minutes.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::{NoCluster, WatchError};

/// The shortest and the longest pause before a watch that ended is begun again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// A watch that lasted so long was well: the next pause is the shortest again.
const WELL: Duration = Duration::from_secs(60);

/// Growing pauses without end, each up to twice as long as it says, so that many do not come at once.
pub fn pauses(shortest: Duration, longest: Duration) -> ExponentialBackoff {
    let builder = ExponentialBuilder::default().with_min_delay(shortest).with_max_delay(longest);
    builder.with_jitter().without_max_times().build()
}

/// The pauses between the watches of one object, without end.
pub struct Rounds {
    begun: Instant,
    pauses: ExponentialBackoff,
}

impl Rounds {
    /// The first round.
    pub fn new() -> Self {
        Self { begun: Instant::now(), pauses: pauses(PAUSE.0, PAUSE.1) }
    }

    /// After a watch that ended so: pauses before the next, and tells `told` of an error. What happens meanwhile shows in the
    /// list that each watch begins with. Errors where there is no cluster, and so nothing to watch.
    pub async fn next(
        &mut self,
        ended: Result<(), WatchError>,
        told: impl FnOnce(&WatchError),
    ) -> Result<(), NoCluster> {
        match ended {
            // As it should.
            Ok(()) => *self = Self::new(),
            Err(WatchError::NoCluster(why)) => return Err(why),
            Err(error) => told(&error),
        }
        self.pause().await;
        Ok(())
    }

    async fn pause(&mut self) {
        if self.begun.elapsed() > WELL {
            *self = Self::new();
        }
        tokio::time::sleep(self.pauses.next().unwrap_or(PAUSE.1)).await;
        self.begun = Instant::now();
    }
}

impl Default for Rounds {
    fn default() -> Self {
        Self::new()
    }
}
