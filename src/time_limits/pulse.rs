//! Signs of life of a peer that several tasks listen to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Late;

/// In so many steps the silence is measured. A process that was itself stopped for long takes one step for it, and so does
/// not blame the peer.
const STEPS: u32 = 4;

/// Counts what is heard of a peer. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// The peer said something.
    pub(crate) fn heard(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends once `peer` has been silent for `limit`.
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

    /// How often the peer was heard.
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
        let (pulse, begun) = (Pulse::default(), Instant::now());
        let speaks = async {
            for _ in 0..20 {
                sleep(LIMIT / 2).await;
                pulse.heard();
            }
            begun.elapsed()
        };
        let (spoke, late) = tokio::join!(speaks, pulse.stopped(LIMIT, "a peer"));
        let silent = begun.elapsed() - spoke;
        assert!(silent >= LIMIT && silent <= LIMIT + LIMIT / STEPS, "{silent:?}");
        assert_eq!(late.to_string(), "a peer was silent for 40 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_stopped_itself_listens_again_first() {
        let pulse = Pulse::default();
        let mut stopped = std::pin::pin!(pulse.stopped(LIMIT, "a peer"));
        assert!(futures_util::poll!(&mut stopped).is_pending());
        tokio::time::advance(LIMIT * 10).await;
        assert!(futures_util::poll!(&mut stopped).is_pending());
    }
}
