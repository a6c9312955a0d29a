//! Memory for the files of one try, and when it is given back early.
//!
//! While it is held the GitOps server is asked for the branch's history, and may take as long as it likes. So memory that another
//! tenant waits for is given back after a while, and the try is made again in its turn: a slow server keeps only its own
//! writers waiting.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits::{Budget, Held, TooMuch};

/// How long memory is held though others wait for it: a try takes a second or two.
pub(in crate::write_back) const HOLD: Duration = Duration::from_secs(10);

/// What a worker takes of the budget for files.
pub(super) struct Memory {
    budget: Budget,
    hold: Duration,
    held: Option<Held>,
    since: watch::Sender<Option<Instant>>,
}

impl Memory {
    pub(super) fn new(budget: Budget, hold: Duration) -> Self {
        Self { budget, hold, held: None, since: watch::Sender::new(None) }
    }

    /// Bytes that may be held at a time.
    pub(super) fn allowed(&self) -> usize {
        self.budget.allowed()
    }

    /// Holds `bytes` instead of what is held, once there are so many. Who holds some waits for nobody.
    pub(super) async fn take(&mut self, bytes: usize) -> Result<(), TooMuch> {
        self.give_back();
        self.held = Some(self.budget.take(bytes).await?);
        self.since.send_replace(Some(Instant::now()));
        Ok(())
    }

    pub(super) fn give_back(&mut self) {
        self.since.send_replace(None);
        self.held = None;
    }

    /// Ends once something has been held for too long that another tenant waits for.
    pub(super) fn wanted(&self) -> impl Future<Output = ()> + use<> {
        let (budget, hold, mut since) = (self.budget.clone(), self.hold, self.since.subscribe());
        async move {
            loop {
                let Ok(held) = since.wait_for(Option::is_some).await.map(|since| *since) else {
                    // Nothing will ever be held again.
                    return std::future::pending().await;
                };
                let from = held.unwrap_or_else(Instant::now) + hold;
                tokio::select! {
                    () = budget.wanted(from) => return,
                    _ = since.changed() => {}
                }
            }
        }
    }
}
