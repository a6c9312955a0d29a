//! Reports that the daemon is silent during a build, before the build gives up on it.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::progress::Progress;
use crate::time_limits::PeerActivity;

/// The interval of the check. Each check also wakes the receiver of the progress, because a peer's silence grows with time.
const TICK: Duration = Duration::from_secs(1);

/// The silence after which it is reported: twice the interval of a live daemon's health check, which is five seconds.
const QUIET: Duration = Duration::from_secs(10);

/// Updates the start of the daemon's silence in `progress` every second, as seen by `activity`.
pub(super) async fn note(activity: &PeerActivity, progress: &watch::Sender<Progress>) -> Infallible {
    let (mut known, mut since) = (activity.count(), Instant::now());
    loop {
        tokio::time::sleep(TICK).await;
        let now = activity.count();
        if now != known {
            (known, since) = (now, Instant::now());
        }
        let unheard = (since.elapsed() >= QUIET).then_some(since);
        progress.send_modify(|progress| progress.unheard = unheard);
    }
}
