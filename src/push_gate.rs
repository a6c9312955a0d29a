//! The gate for pushes: a shutdown waits for a push that has started, and never interrupts it.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Every push must enter the gate. A closed gate lets no push start; pushes in flight can be waited for.
#[derive(Debug, Default, Clone)]
pub struct PushGate {
    stopping: CancellationToken,
    in_flight: TaskTracker,
}

impl PushGate {
    /// An open gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes the gate: no push starts any more.
    pub fn close(&self) {
        self.stopping.cancel();
    }

    /// Waits until no push is in flight. Close the gate first, or a new push may start meanwhile.
    pub async fn idle(&self) {
        self.in_flight.close();
        self.in_flight.wait().await;
    }

    /// Whether a push is in flight.
    pub fn is_busy(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// A permit to push, which must be held while the push runs; `None` if the gate is closed.
    pub(crate) fn enter(&self) -> Option<TaskTrackerToken> {
        // The push is counted before the check, so a caller that closes the gate and then waits sees every push that
        // entered.
        let permit = self.in_flight.token();
        (!self.is_closed()).then_some(permit)
    }

    /// Resolves when the gate closes.
    pub async fn closed(&self) {
        self.stopping.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::PushGate;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn closed_lets_nobody_in_and_waits_for_those_inside() {
        let gate = PushGate::new();
        let inside = gate.enter().unwrap();
        gate.close();
        assert!(gate.enter().is_none());
        let mut idle = Box::pin(gate.idle());
        assert!(idle.as_mut().now_or_never().is_none());
        drop(inside);
        idle.await;
    }
}
