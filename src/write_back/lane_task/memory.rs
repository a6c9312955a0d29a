//! The memory for the files of one attempt.
//!
//! While an attempt holds memory, it asks the GitOps server for the branch's history, which may take long. If another
//! tenant waits for memory, the attempt gives its memory back after a while and starts again later. So a slow
//! server delays only its own writers.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits::{Budget, Held, TooMuch};

/// How long memory is held while others wait for it. An attempt takes a second or two.
pub(in crate::write_back) const HOLD: Duration = Duration::from_secs(10);

/// The lane task's share of the memory budget for files.
pub(super) struct FileMemory {
    budget: Budget,
    hold: Duration,
    held: Option<Held>,
    since: watch::Sender<Option<Instant>>,
}

impl FileMemory {
    pub(super) fn new(budget: Budget, hold: Duration) -> Self {
        Self { budget, hold, held: None, since: watch::Sender::new(None) }
    }

    /// The maximum number of bytes that may be held.
    pub(super) fn allowed(&self) -> usize {
        self.budget.allowed()
    }

    /// Whether there is memory for `bytes` at all.
    pub(super) fn could_take(&self, bytes: usize) -> Result<(), TooMuch> {
        self.budget.could_take(bytes)
    }

    /// Gives back the memory that is held, then waits for `bytes`. A lane task never waits while it holds memory.
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

    /// Completes once memory has been held for too long while another tenant waits for it.
    pub(super) fn wanted(&self) -> impl Future<Output = ()> + use<> {
        let (budget, hold, mut since) = (self.budget.clone(), self.hold, self.since.subscribe());
        async move {
            loop {
                let Ok(held) = since.wait_for(Option::is_some).await.map(|since| *since) else {
                    // The sender is gone, so no memory will be held again.
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
