//! Errors of requests without an answer.

use std::error::Error;

use super::address::RefusedAddress;
use crate::time_limits::Late;

/// A request without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The address is not allowed. A repetition does not help.
    #[error(transparent)]
    Refused(#[from] RefusedAddress),
    /// A time limit was exceeded.
    #[error(transparent)]
    Late(#[from] Late),
    /// There was no answer, or the connection broke.
    #[error(transparent)]
    Lost(reqwest::Error),
}

impl SendError {
    /// Whether the connection failed within the time limit. This happens when https is tried with a server of plain
    /// http.
    pub(crate) fn is_no_connection(&self) -> bool {
        matches!(self, Self::Lost(error) if error.is_connect())
    }
}

impl From<reqwest::Error> for SendError {
    /// reqwest reports a refused address deep inside a connection error.
    fn from(error: reqwest::Error) -> Self {
        match refused(&error) {
            Some(refused) => Self::Refused(refused),
            None => Self::Lost(error),
        }
    }
}

fn refused(error: &reqwest::Error) -> Option<RefusedAddress> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<RefusedAddress>() {
            return Some(refused.clone());
        }
        cause = error.source();
    }
    None
}
