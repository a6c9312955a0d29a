//! Counts what a peer sends, so that several tasks can detect its silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Late;

/// The number of intervals in which the silence is measured. If this process itself was stopped for long, that counts
/// as one interval, so the peer is not blamed.
const STEPS: u32 = 4;

/// Counts the messages of a peer. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeerActivity(Arc<AtomicU64>);

impl PeerActivity {
    /// Records that the peer sent something.
    pub(crate) fn heard(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Completes when `peer` has been silent for `limit`.
    pub(crate) async fn stopped(&self, limit: Duration, peer: &str) -> Late {
        let (mut known, mut silent) = (self.count(), 0);
        while silent < STEPS {
            tokio::time::sleep(limit / STEPS).await;
            let now = self.count();
            silent = if now == known { silent + 1 } else { 0 };
            known = now;
        }
        Late::Silence { peer: peer.to_owned(), limit }
    }

    /// The number of messages so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(40);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_heard_is_not_given_up() {
        let (activity, begun) = (PeerActivity::default(), Instant::now());
        let speaks = async {
            for _ in 0..20 {
                sleep(LIMIT / 2).await;
                activity.heard();
            }
            begun.elapsed()
        };
        let (spoke, late) = tokio::join!(speaks, activity.stopped(LIMIT, "a peer"));
        let silent = begun.elapsed() - spoke;
        assert!(silent >= LIMIT && silent <= LIMIT + LIMIT / STEPS, "{silent:?}");
        assert_eq!(late.to_string(), "a peer was silent for 40 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_stopped_itself_listens_again_first() {
        let activity = PeerActivity::default();
        let mut stopped = std::pin::pin!(activity.stopped(LIMIT, "a peer"));
        assert!(futures_util::poll!(&mut stopped).is_pending());
        tokio::time::advance(LIMIT * 10).await;
        assert!(futures_util::poll!(&mut stopped).is_pending());
    }
}
