//! What a candidate tells of itself: to the rest of the process, and in the log when it changes.

use tokio::sync::watch;
use tracing::{info, warn};

use super::Leadership;
use super::problem::Problem;

pub(super) struct Standing {
    leadership: watch::Sender<Leadership>,
    problem: watch::Sender<Option<String>>,
    /// The lease's name in the log.
    lease: String,
}

impl Standing {
    pub(super) fn new(lease: String) -> Self {
        let leadership = watch::Sender::new(Leadership::Standby { holder: None });
        Self { leadership, problem: watch::Sender::new(None), lease }
    }

    pub(super) fn followed(&self) -> (watch::Receiver<Leadership>, watch::Receiver<Option<String>>) {
        (self.leadership.subscribe(), self.problem.subscribe())
    }

    pub(super) fn now(&self) -> Leadership {
        self.leadership.borrow().clone()
    }

    pub(super) fn tell(&self, now: Leadership) {
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

    /// Logs a problem once, and its end.
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

/// However the race ends, nobody believes to lead after it.
impl Drop for Standing {
    fn drop(&mut self) {
        self.leadership.send_replace(Leadership::Standby { holder: None });
    }
}
