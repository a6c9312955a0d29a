//! What all jobs of a process share: bytes of memory. One job's need never ends the others.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Nodes of a YAML file that is edited. Each takes some 260 bytes in memory, so that a file of `1,1,…` took 130 times its size.
pub const YAML_NODES: usize = 200_000;

/// What a permit stands for, in bytes: a semaphore counts no further than `u32` at once.
const UNIT: usize = 1 << 10;

/// Bytes that may be held at a time. Clones share them.
#[derive(Debug, Clone)]
pub struct Budget {
    free: Arc<Semaphore>,
    total: usize,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Held {
    permit: OwnedSemaphorePermit,
}

/// More than all jobs together may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{wanted} bytes are needed at a time, and {total} are allowed for all steps of this process together"
)]
pub struct TooMuch {
    /// Bytes that were asked for.
    pub wanted: usize,
    /// Bytes that there are.
    pub total: usize,
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: usize) -> Self {
        let units = (total / UNIT).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(units)), total: units * UNIT }
    }

    /// Bytes that there are.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Holds `bytes`, once others have let go of as many. First come, first served. Ask once for all that is needed:
    /// two holders who ask again wait for each other.
    ///
    /// # Errors
    /// [`TooMuch`] where the budget is smaller than that.
    pub async fn take(&self, bytes: usize) -> Result<Held, TooMuch> {
        let too_much = TooMuch { wanted: bytes, total: self.total };
        let units = self.units(bytes).ok_or(too_much)?;
        // It is never closed.
        let permit = self.free.clone().acquire_many_owned(units).await.map_err(|_| too_much)?;
        Ok(Held { permit })
    }

    /// Holds `bytes` if as many are free now.
    pub fn try_take(&self, bytes: usize) -> Option<Held> {
        let permit = self.free.clone().try_acquire_many_owned(self.units(bytes)?).ok()?;
        Some(Held { permit })
    }

    fn units(&self, bytes: usize) -> Option<u32> {
        (bytes <= self.total).then(|| u32::try_from(bytes.div_ceil(UNIT)).ok()).flatten()
    }
}

impl Held {
    /// Holds what `other` held too.
    pub fn merge(&mut self, other: Self) {
        self.permit.merge(other.permit);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_held_is_free_again_once_dropped() {
        let budget = Budget::new(8 << 10);
        let first = budget.take(6 << 10).await.unwrap();
        assert!(budget.try_take(3 << 10).is_none());
        let waiting = tokio::time::timeout(Duration::from_secs(1), budget.take(3 << 10)).await;
        assert!(waiting.is_err());
        drop(first);
        let mut all = budget.take(5 << 10).await.unwrap();
        all.merge(budget.try_take(3 << 10).unwrap());
        assert!(budget.try_take(1).is_none());
        drop(all);
        assert!(budget.try_take(8 << 10).is_some());
    }

    #[tokio::test]
    async fn more_than_there_is_is_refused_at_once() {
        let budget = Budget::new(1 << 20);
        let error = budget.take((1 << 20) + 1).await.unwrap_err();
        assert_eq!(error, TooMuch { wanted: (1 << 20) + 1, total: 1 << 20 });
    }
}
