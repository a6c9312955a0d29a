//! Watches the Lease, so that a released lease is taken at once. Nothing depends on this watch: the elector also
//! reads the lease itself, only later.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::TryStreamExt;
use kube::api::{WatchEvent, WatchParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::lease_api::LeaseApi;
use super::problem::Problem;
use super::record;
use crate::kube::KubeError;
use crate::time_limits::pauses::endless;

/// The shortest and the longest pause before the watch is started again.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// A watch that lasted this long was healthy.
const HEALTHY: Duration = Duration::from_secs(30);

/// Sends the lease holder to `holder_changes` whenever the lease is written. Never ends.
pub(super) async fn keep(lease: LeaseApi, holder_changes: watch::Sender<Option<String>>) -> Infallible {
    let (mut growing, mut told) = (endless(RETRY.0, RETRY.1), false);
    loop {
        let begun = Instant::now();
        match watch(&lease, &holder_changes).await {
            Err(problem @ Problem::Kube(KubeError::Forbidden { .. }))
                if !std::mem::replace(&mut told, true) =>
            {
                warn!("a lease that is given up will be noticed late: {problem}");
            }
            Err(problem) => debug!("{problem}"),
            Ok(()) => {}
        }
        if begun.elapsed() > HEALTHY {
            growing = endless(RETRY.0, RETRY.1);
        }
        tokio::time::sleep(growing.next().unwrap_or(RETRY.1)).await;
    }
}

/// Watches once. The first event is the current lease.
async fn watch(lease: &LeaseApi, holder_changes: &watch::Sender<Option<String>>) -> Result<(), Problem> {
    let failed = |error| lease.problem("watching", &error);
    let only = format!("metadata.name={}", lease.name);
    let parameters = WatchParams::default().fields(&only).timeout(lease.cluster.limits.watch_seconds());
    let events = lease.api().await?.watch(&parameters, "").await.map_err(failed)?;
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
        holder_changes.send_replace(holder);
    }
    Ok(())
}
