//! The state of the election, as the rest of the process sees it, and its log messages.

use tokio::sync::watch;
use tracing::{info, warn};

use super::Leadership;
use super::problem::Problem;

pub(super) struct LeaseState {
    leadership: watch::Sender<Leadership>,
    problem: watch::Sender<Option<String>>,
    /// The name of the lease in the log.
    lease: String,
}

impl LeaseState {
    pub(super) fn new(lease: String) -> Self {
        let leadership = watch::Sender::new(Leadership::Standby { holder: None });
        Self { leadership, problem: watch::Sender::new(None), lease }
    }

    pub(super) fn subscribe(&self) -> (watch::Receiver<Leadership>, watch::Receiver<Option<String>>) {
        (self.leadership.subscribe(), self.problem.subscribe())
    }

    pub(super) fn now(&self) -> Leadership {
        self.leadership.borrow().clone()
    }

    pub(super) fn set_leadership(&self, now: Leadership) {
        let lease = &self.lease;
        match &now {
            same if *same == self.now() => return,
            Leadership::Leader => info!("leading: {lease} is ours"),
            Leadership::Unsure => {
                warn!("could not renew {lease} in time: beginning nothing until it is renewed")
            }
            Leadership::Standby { holder: Some(holder) } => {
                info!("standing by: {lease} is held by `{holder}`")
            }
            Leadership::Standby { holder: None } => info!("standing by: {lease} is nobody's"),
        }
        self.leadership.send_replace(now);
    }

    /// Logs a problem once, and logs when it is over.
    pub(super) fn report(&self, problem: Option<Problem>) {
        let now = problem.map(|problem| problem.to_string());
        match &now {
            same if *same == *self.problem.borrow() => return,
            Some(problem) => warn!("{problem}; trying again until it goes"),
            None => info!("{} is within reach again", self.lease),
        }
        self.problem.send_replace(now);
    }
}

/// After the election ends in any way, no part of the process may believe that it leads.
impl Drop for LeaseState {
    fn drop(&mut self) {
        self.leadership.send_replace(Leadership::Standby { holder: None });
    }
}
