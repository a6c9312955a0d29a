//! Watches that are begun again: the API server ends each of them after some minutes.

use std::time::Duration;

use backon::ExponentialBackoff;
use tokio::time::Instant;

use super::KubeError;
use crate::time_limits::pauses::endless;

/// The shortest and the longest pause before a watch that ended is begun again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// A watch that lasted so long was well: the next pause is the shortest again.
const WELL: Duration = Duration::from_secs(60);

/// The pauses between the watches of one object, without end.
pub struct Rounds {
    begun: Instant,
    pauses: ExponentialBackoff,
}

impl Rounds {
    /// The first round.
    pub fn new() -> Self {
        Self { begun: Instant::now(), pauses: endless(PAUSE.0, PAUSE.1) }
    }

    /// After a watch that ended so: pauses before the next, and tells `told` of an error. What happens meanwhile shows in the
    /// list that each watch begins with. Errors where there is no cluster, and so nothing to watch.
    pub async fn next(
        &mut self,
        ended: Result<(), KubeError>,
        told: impl FnOnce(&KubeError),
    ) -> Result<(), KubeError> {
        match ended {
            // The server ended the watch in time.
            Ok(()) => *self = Self::new(),
            Err(error @ KubeError::NoCluster { .. }) => return Err(error),
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
