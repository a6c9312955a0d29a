//! A call that was given up for its time.

use std::error::Error;
use std::time::Duration;

use crate::duration::limit_text;

/// A peer that took too long. Trying again may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Late {
    /// It did not finish.
    #[error("no answer within {} from {peer}", limit_text(*.limit))]
    Whole {
        /// Who.
        peer: String,
        /// For the whole of the call.
        limit: Duration,
    },
    /// It did not say anything.
    #[error("{peer} was silent for {}", limit_text(*.limit))]
    Silence {
        /// Who.
        peer: String,
        /// Between two signs of life.
        limit: Duration,
    },
}

/// The [`Late`] that is `error`, or one of its causes.
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
