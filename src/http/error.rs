//! Why a request got no answer.

use std::error::Error;

use super::address::RefusedAddress;
use crate::time_limits::Late;

/// A request without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The address is one that no request is sent to. Another try does not help.
    #[error(transparent)]
    Refused(#[from] RefusedAddress),
    /// Its time is over.
    #[error(transparent)]
    Late(#[from] Late),
    /// There was no answer, or the connection broke.
    #[error(transparent)]
    Lost(reqwest::Error),
}

impl SendError {
    /// Whether no connection came about, though the address was answered in time: what a server of plain http makes of https.
    pub(crate) fn is_no_connection(&self) -> bool {
        matches!(self, Self::Lost(error) if error.is_connect())
    }
}

impl From<reqwest::Error> for SendError {
    /// A name that stands for a refused address fails deep within the connection.
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
