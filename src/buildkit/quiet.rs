//! A daemon that has become quiet while a build runs: said before it is given up.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::progress::Progress;
use crate::time_limits::Pulse;

/// How often it is looked at, and whoever shows the progress is woken: how long a peer is silent grows by itself.
const TICK: Duration = Duration::from_secs(1);

/// Twice the time after which a daemon that lives is heard again: it asks each session every five seconds.
const QUIET: Duration = Duration::from_secs(10);

/// Notes in `progress`, every second, since when `pulse` has heard nothing.
pub(super) async fn note(pulse: &Pulse, progress: &watch::Sender<Progress>) -> Infallible {
    let (mut known, mut since) = (pulse.count(), Instant::now());
    loop {
        tokio::time::sleep(TICK).await;
        let now = pulse.count();
        if now != known {
            (known, since) = (now, Instant::now());
        }
        let unheard = (since.elapsed() >= QUIET).then_some(since);
        progress.send_modify(|progress| progress.unheard = unheard);
    }
}
