//! A watch of the Lease, so that one that is given up is taken at once. Nothing depends on it: the race looks for
//! itself, only later.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::TryStreamExt;
use kube::api::{WatchEvent, WatchParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::place::Place;
use super::problem::Problem;
use super::record;
use crate::kube::KubeError;
use crate::time_limits::pauses::endless;

/// The shortest and the longest pause before a watch that ended is begun again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// A watch that lasted so long was well.
const WELL: Duration = Duration::from_secs(30);

/// Sends the holder of the lease to `news` whenever the lease is written. Never ends.
pub(super) async fn keep(place: Place, news: watch::Sender<Option<String>>) -> Infallible {
    let (mut growing, mut told) = (endless(PAUSE.0, PAUSE.1), false);
    loop {
        let begun = Instant::now();
        match watch(&place, &news).await {
            Err(problem @ Problem::Kube(KubeError::Forbidden { .. }))
                if !std::mem::replace(&mut told, true) =>
            {
                warn!("a lease that is given up will be noticed late: {problem}");
            }
            Err(problem) => debug!("{problem}"),
            Ok(()) => {}
        }
        if begun.elapsed() > WELL {
            growing = endless(PAUSE.0, PAUSE.1);
        }
        tokio::time::sleep(growing.next().unwrap_or(PAUSE.1)).await;
    }
}

/// Watches once, beginning with the lease as it is.
async fn watch(place: &Place, news: &watch::Sender<Option<String>>) -> Result<(), Problem> {
    let failed = |error| place.problem("watching", &error);
    let only = format!("metadata.name={}", place.name);
    let parameters = WatchParams::default().fields(&only).timeout(place.cluster.limits.watch_seconds());
    let events = place.api().await?.watch(&parameters, "").await.map_err(failed)?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.try_next().await.map_err(failed)? {
        let holder = match event {
            WatchEvent::Added(lease) | WatchEvent::Modified(lease) => {
                record::holder(&lease).map(str::to_owned)
            }
            WatchEvent::Deleted(_) => None,
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(status) => return Err(failed(kube::Error::Api(status))),
        };
        news.send_replace(holder);
    }
    Ok(())
}
