//! Pauses between watches. The API server ends each watch after some minutes, and the caller starts it again.

use std::time::Duration;

use backon::ExponentialBackoff;
use tokio::time::Instant;

use super::KubeError;
use crate::time_limits::pauses::endless;

/// The shortest and the longest pause before a watch is started again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// A watch that lasted this long was healthy: the next pause is the shortest again.
const WELL: Duration = Duration::from_secs(60);

/// The endless sequence of pauses between the watches of one object.
pub struct WatchBackoff {
    begun: Instant,
    pauses: ExponentialBackoff,
}

impl WatchBackoff {
    /// Starts with the shortest pause.
    pub fn new() -> Self {
        Self { begun: Instant::now(), pauses: endless(PAUSE.0, PAUSE.1) }
    }

    /// Call this when a watch has ended. It passes an error to `told` and then waits. Each watch starts with a list,
    /// which has the changes from the pause. Fails if no cluster is configured, because there is nothing to watch.
    pub async fn next(
        &mut self,
        ended: Result<(), KubeError>,
        told: impl FnOnce(&KubeError),
    ) -> Result<(), KubeError> {
        match ended {
            // The server ended the watch at its regular time.
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

impl Default for WatchBackoff {
    fn default() -> Self {
        Self::new()
    }
}
