//! Why a forge did not do what was asked, by what the caller does next.

use std::error::Error;
use std::time::Duration;

use crate::outcome::{AGAIN, Fault, because};

/// The cause below an error of ours.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A failed talk with a forge. `at` reads `open a pull request in `owner/name` on https://host`; texts hold no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// The token is not accepted (401), or lacks a scope or a right (403).
    #[error("cannot {at}: {why}; {mend}")]
    Login {
        /// What was attempted, where.
        at: String,
        /// What is wrong with the token, with the server's own words.
        why: String,
        /// The scope to add, or what to check.
        mend: String,
    },
    /// The repository, the branch or the pull request is not there, or this token may not know of it (404).
    #[error(
        "cannot {at}: not found{said}; check the names, and that the token's owner may see the repository"
    )]
    Missing {
        /// What was attempted, where.
        at: String,
        /// The server's own words.
        said: String,
    },
    /// A rule of the repository or of the forge forbids it (403, 405, 409, 422, 423).
    #[error("cannot {at}: {why}")]
    Refused {
        /// What was attempted, where.
        at: String,
        /// The reason, and what to do.
        why: String,
    },
    /// Somebody else was faster: read again and repeat.
    #[error(
        "cannot {at}: {why}; somebody else changed it meanwhile; run the step again; if it stays so, look at who else \
         writes to it"
    )]
    Conflict {
        /// What was attempted, where.
        at: String,
        /// The server's own words.
        why: String,
    },
    /// The address leads to another one; a token is never carried there.
    #[error(
        "cannot {at}: it redirects to `{to}`; give that address instead (a token is not sent on to another host)"
    )]
    Moved {
        /// What was attempted, where.
        at: String,
        /// Scheme and host of the redirect.
        to: String,
    },
    /// No connection, a cut one, a time-out, a rate limit or a 5xx answer.
    #[error("cannot {at} now: {why}{}; {AGAIN}", because_of(.cause.as_ref()))]
    Unavailable {
        /// What was attempted, where.
        at: String,
        /// What happened.
        why: String,
        /// How long the server asked to be left alone.
        retry_after: Option<Duration>,
        /// The cause below, which the text names.
        cause: Option<BoxError>,
    },
    /// Something answers, but not with what this API is documented to say.
    #[error("cannot {at}: the answer is not that of {forge}: {why}; check the forge's kind and its API URL")]
    Unexpected {
        /// What was attempted, where.
        at: String,
        /// `Gitea` or `GitHub`.
        forge: &'static str,
        /// What was wrong with it.
        why: String,
    },
    /// This side: a CA bundle, the HTTP client, a token with characters that no header takes.
    #[error("cannot {doing}{}; correct it, and run the step again", because_of(Some(.cause)))]
    Local {
        /// What was attempted, on what.
        doing: String,
        /// The cause below, which the text names.
        cause: BoxError,
    },
}

fn because_of(cause: Option<&BoxError>) -> String {
    because(cause.map(|cause| -> &(dyn Error + 'static) { &**cause }))
}

impl ForgeError {
    /// The party that must act on the error.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unavailable { .. } | Self::Conflict { .. } => Fault::Transient,
            Self::Login { .. }
            | Self::Missing { .. }
            | Self::Refused { .. }
            | Self::Moved { .. }
            | Self::Unexpected { .. }
            | Self::Local { .. } => Fault::User,
        }
    }

    pub(super) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(super) fn local(doing: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Local { doing: doing.into(), cause: source.into() }
    }
}
