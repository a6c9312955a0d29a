//! Errors of sending, grouped by what the caller does next. No text has the address of a webhook.

use std::time::Duration;

use crate::outcome::{AGAIN, Fault};

/// A message that was not sent. `at` is scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// The service does not take the message.
    #[error("cannot send the message to {at}: {why}; {mend}")]
    Refused {
        /// The service.
        at: String,
        /// The reason, with the text of the service.
        why: String,
        /// What to change.
        mend: String,
    },
    /// The service takes no more messages for a while.
    #[error(
        "cannot send the message to {at} now: it takes no more messages for a while{why}; run the step again later; if it stays so, \
         look at who else writes there, and use a robot of its own"
    )]
    Limited {
        /// The service.
        at: String,
        /// The text of the service, in brackets.
        why: String,
        /// The pause that it asked for.
        pause: Option<Duration>,
    },
    /// No connection, or a 5xx answer: the message was not taken.
    #[error("cannot send the message to {at} now: {why}; {AGAIN}")]
    Unavailable {
        /// The service.
        at: String,
        /// What happened.
        why: String,
    },
    /// The connection broke after the message was sent.
    #[error(
        "nobody knows whether {at} has the message: {why}; look there, and run the step again if it is missing"
    )]
    Unknown {
        /// The service.
        at: String,
        /// What happened.
        why: String,
    },
    /// An error on our side: the CA bundle, or the HTTP client.
    #[error("cannot {doing}: {why}; correct it, and run the step again")]
    Local {
        /// The action and its object.
        doing: String,
        /// The reason.
        why: String,
    },
}

impl NotifyError {
    /// The party that must act on the error.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { .. } | Self::Local { .. } => Fault::User,
            Self::Limited { .. } | Self::Unavailable { .. } | Self::Unknown { .. } => Fault::Transient,
        }
    }

    /// Whether the same request may be sent again without a second message.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
