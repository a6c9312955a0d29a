//! The pace at which a chat takes messages.

use std::time::Duration;

use tokio::time::Instant;

/// The messages that may be sent at once.
const BURST: u32 = 10;
/// The time after which one more may be sent. Within a minute, ten and the ten of the burst make 20, which is what robots of DingTalk
/// and WeCom take (their documentation: "20 messages a minute"; DingTalk refuses everything for ten minutes after more). Slack takes
/// one a second, and short bursts.
const EVERY: Duration = Duration::from_secs(6);

/// The messages that may be sent now, and when there will be more.
#[derive(Debug)]
pub(super) struct Pace {
    left: u32,
    /// The time of the last refill.
    since: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, since: now }
    }

    /// When the next message may be sent.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        self.refill(now);
        if self.left > 0 { now } else { self.since + EVERY }
    }

    /// Records that a message is sent.
    pub(super) fn take(&mut self, now: Instant) {
        self.refill(now);
        self.left = self.left.saturating_sub(1);
    }

    /// Whether nothing has to be remembered.
    pub(super) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.left == BURST
    }

    fn refill(&mut self, now: Instant) {
        while self.left < BURST && now.duration_since(self.since) >= EVERY {
            self.left += 1;
            self.since += EVERY;
        }
        if self.left == BURST {
            // The next refill counts from the next message.
            self.since = now;
        }
    }
}
