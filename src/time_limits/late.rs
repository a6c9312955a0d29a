//! A call that exceeded its time limit.

use std::error::Error;
use std::time::Duration;

use crate::duration::limit_text;

/// A peer that took too long. A retry may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Late {
    /// The call did not finish in time.
    #[error("no answer within {} from {peer}", limit_text(*.limit))]
    Whole {
        /// The peer.
        peer: String,
        /// The limit for the whole call.
        limit: Duration,
    },
    /// The peer was silent for too long.
    #[error("{peer} was silent for {}", limit_text(*.limit))]
    Silence {
        /// The peer.
        peer: String,
        /// The limit for silence.
        limit: Duration,
    },
}

/// The [`Late`] in the chain of `error` and its causes.
pub(crate) fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Late> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(late) = error.downcast_ref() {
            return Some(late);
        }
        cause = error.source();
    }
    None
}
