//! Errors of requests to a forge, grouped by what the caller does next.

use std::error::Error;
use std::time::Duration;

use crate::outcome::{AGAIN, Fault, because};

/// The cause below an error of ours.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A failed request to a forge. `at` is a text such as `open a pull request in `owner/name` on https://host`.
/// Messages contain no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// The token is not accepted (401), or lacks a scope or a right (403).
    #[error("cannot {at}: {why}; {mend}")]
    Login {
        /// The action, the repository and the server.
        at: String,
        /// What is wrong with the token, with the text of the server.
        why: String,
        /// The scope to add, or what to check.
        mend: String,
    },
    /// The repository, the branch or the pull request does not exist, or is hidden from this token (404).
    #[error(
        "cannot {at}: not found{said}; check the names, and that the token's owner may see the repository"
    )]
    Missing {
        /// The action, the repository and the server.
        at: String,
        /// The text of the server.
        said: String,
    },
    /// The repository does not have the commit (404, or GitHub's 422). Gitea also answers 500, as in an outage.
    #[error(
        "cannot {at}: the repository has no commit `{commit}`; push it first, or correct `commit` and `repo`"
    )]
    UnknownCommit {
        /// The action, the repository and the server.
        at: String,
        /// The commit.
        commit: String,
    },
    /// A rule of the repository or of the forge forbids the request (403, 405, 409, 422, 423).
    #[error("cannot {at}: {why}")]
    Refused {
        /// The action, the repository and the server.
        at: String,
        /// The reason, and what to do.
        why: String,
    },
    /// Another writer was faster: read again and repeat.
    #[error(
        "cannot {at}: {why}; somebody else changed it meanwhile; run the step again; if it stays so, look at who else \
         writes to it"
    )]
    Conflict {
        /// The action, the repository and the server.
        at: String,
        /// The text of the server.
        why: String,
    },
    /// The address redirects to another server. The token is never sent there.
    #[error(
        "cannot {at}: it redirects to `{to}`; give that address instead (a token is not sent on to another host)"
    )]
    Moved {
        /// The action, the repository and the server.
        at: String,
        /// Scheme and host of the redirect.
        to: String,
    },
    /// No connection, a broken connection, a time-out, a rate limit, or a 5xx answer.
    #[error("cannot {at} now: {why}{}; {AGAIN}", because_of(.cause.as_ref()))]
    Unavailable {
        /// The action, the repository and the server.
        at: String,
        /// What happened.
        why: String,
        /// The pause that the server asked for.
        retry_after: Option<Duration>,
        /// The cause, which the message includes.
        cause: Option<BoxError>,
    },
    /// The answer does not agree with the API's documentation.
    #[error("cannot {at}: the answer is not that of {forge}: {why}; check the forge's kind and its API URL")]
    Unexpected {
        /// The action, the repository and the server.
        at: String,
        /// `Gitea` or `GitHub`.
        forge: &'static str,
        /// What was wrong with it.
        why: String,
    },
    /// An error on our side: the CA bundle, the HTTP client, or a token with characters that a header cannot hold.
    #[error("cannot {doing}{}; correct it, and run the step again", because_of(Some(.cause)))]
    Local {
        /// The action and its object.
        doing: String,
        /// The cause, which the message includes.
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
            | Self::UnknownCommit { .. }
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
