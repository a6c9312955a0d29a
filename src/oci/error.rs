//! The errors of requests to a registry or its token server.

use super::refusal;
use crate::http::{self, BodyError, SendError};
use crate::outcome::Fault;
use crate::text;

/// What to do if the answer does not seem to come from a registry.
const MEND: &str = "check that the address is that of a registry, and what it and the proxies before it log";

/// Stands for the user in messages about a request without a login.
pub(super) const NOBODY: &str = "nobody";

/// A failed request to a registry or its token server. Never holds a token or a password.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// There was no answer: DNS, connection refused, TLS, time-out.
    #[error(
        "cannot reach {what}: {why}; try again; if it stays so, check the host name, its port and whether it speaks https, and \
         the way to it (DNS, NetworkPolicy, proxy)"
    )]
    Unreachable {
        /// The server or the URL's origin.
        what: String,
        /// The innermost cause.
        why: String,
    },
    /// The server's certificate is not signed by a CA that we trust, has expired, or is for another name.
    #[error(
        "cannot reach {what}: {why}; argo-buildkit does not trust its certificate: name the certificate that signed its own in --ca-bundle (ARGO_BUILDKIT_CA_BUNDLE)"
    )]
    Untrusted {
        /// The server or the URL's origin.
        what: String,
        /// The innermost cause.
        why: String,
    },
    /// The server refused the login, or the login lacks the right.
    #[error(
        "{what} refused the login ({status}, as {login}){}; check the user, the token and its scopes for this repository", said(.reason)
    )]
    Refused {
        /// The request and its server.
        what: String,
        /// The HTTP status: 401 or 403.
        status: u16,
        /// The user of the login, without the password.
        login: String,
        /// The registry's own reason, if it gave one.
        reason: Option<String>,
    },
    /// The registry refused a token that we signed ourselves.
    #[error(
        "{what} refused the token that argo-buildkit signed for it ({status}); check that the registry's service name \
         (REGISTRY_AUTH_TOKEN_SERVICE) is ARGO_BUILDKIT_CACHE_REGISTRY, that its certificate bundle has the certificate of the \
         key in the Secret `cache-registry-key`, and that both clocks are right"
    )]
    RefusedToken {
        /// The request and its server.
        what: String,
        /// The HTTP status: 401 or 403.
        status: u16,
    },
    /// The request, or its login, would go to an address or server that is not allowed.
    #[error("{what} is not asked: {why}")]
    NotAsked {
        /// The request.
        what: String,
        /// Why not, and what to do.
        why: String,
    },
    /// The server is overloaded or broken.
    #[error(
        "{what} answered {status}{}; the registry is overloaded or broken, try again later; if it stays so, look at it or ask whoever runs it",
        said(.reason)
    )]
    Unavailable {
        /// The request and its server.
        what: String,
        /// The HTTP status: 408, 429 or 5xx.
        status: u16,
        /// The registry's own reason, if it gave one.
        reason: Option<String>,
    },
    /// We sign this registry's tokens ourselves, and sign none for this request.
    #[error("no token for registry {registry}: {why}")]
    Withheld {
        /// The registry.
        registry: String,
        /// Why nothing is signed, and what to do.
        why: String,
        /// Whether the cause is our key.
        ours: bool,
    },
    /// The registry has no such manifest, or does not show it to this login.
    #[error("{what} has no such image, or not for this login (as {login}); check the image's name and tag")]
    Absent {
        /// The request and its server.
        what: String,
        /// The user of the login, without the password.
        login: String,
    },
    /// An answer that violates the distribution specification.
    #[error("{what} gave an unexpected answer: {why}; {mend}")]
    Unexpected {
        /// The request and its server.
        what: String,
        /// The status or what is missing in the answer.
        why: String,
        /// What to do.
        mend: &'static str,
    },
    /// A registry lost the upload of a blob, each time.
    #[error(
        "{what} lost the upload of blob {blob} again and again: {why}; try again; if it stays so, see what it logs: its disk may be \
         full, or it has several replicas that do not share their uploads"
    )]
    UploadLost {
        /// The request and its server.
        what: String,
        /// The blob's digest.
        blob: String,
        /// The last answer.
        why: String,
    },
    /// Another writer moved a tag while it was written.
    #[error(
        "{what}: another writer has moved tag {tag} to {now} meanwhile, so it is left as it is; run the step again if this one is to win"
    )]
    Moved {
        /// The repository.
        what: String,
        /// The tag.
        tag: String,
        /// The digest that it names.
        now: String,
    },
    /// Others write the same list of referrers or signatures all the time.
    #[error(
        "{what}: tag {tag}, which lists referrers or signatures, is overwritten by others all the time; try again later"
    )]
    Contended {
        /// The repository.
        what: String,
        /// The tag.
        tag: String,
    },
    /// The step was stopped, or its time was over, before a write began.
    #[error("{what}: the step was stopped, or its time was over, before {name} was written; run it again")]
    Stopped {
        /// The repository.
        what: String,
        /// The tag or digest that would have been written.
        name: String,
    },
    /// A registry accepted a manifest, and does not find it.
    #[error(
        "{what} has accepted {name} and does not find it; try again; if it stays so, see what it logs, and whether its replicas share \
         their storage"
    )]
    Unfound {
        /// The request and its server.
        what: String,
        /// The tag or digest.
        name: String,
    },
    /// The server that a registry redirects to for its content refused.
    #[error(
        "{what} redirects to {store}, which answered {status}; try again; if it stays so, see the registry's storage: the address that \
         it signs may be good for too short a time, or the clocks differ"
    )]
    Store {
        /// The request and its server.
        what: String,
        /// The origin of the other server.
        store: String,
        /// The HTTP status.
        status: u16,
    },
    /// One of our settings cannot be used.
    #[error("cannot use {what}: {why}; correct that setting of argo-buildkit")]
    Setting {
        /// The setting.
        what: String,
        /// Why it cannot be.
        why: String,
    },
}

impl OciError {
    /// Says whose fault the error is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unreachable { .. }
            | Self::Unavailable { .. }
            | Self::UploadLost { .. }
            | Self::Unfound { .. }
            | Self::Stopped { .. }
            | Self::Contended { .. } => Fault::Transient,
            Self::Store { status, .. }
                if matches!(status, 401 | 403) || http::is_transient_status(*status) =>
            {
                Fault::Transient
            }
            Self::Withheld { ours: true, .. } | Self::RefusedToken { .. } => Fault::Ours,
            Self::Withheld { .. } => Fault::User,
            Self::Untrusted { .. } => Fault::User,
            Self::Refused { .. }
            | Self::NotAsked { .. }
            | Self::Absent { .. }
            | Self::Unexpected { .. }
            | Self::Moved { .. }
            | Self::Store { .. }
            | Self::Setting { .. } => Fault::User,
        }
    }

    /// The error for a status that is neither success nor "not found".
    pub(crate) fn from_status(what: String, status: u16, login: Option<&super::Login>) -> Self {
        match status {
            401 | 403 => Self::Refused { what, status, login: whom(login), reason: None },
            _ if http::is_transient_status(status) => Self::Unavailable { what, status, reason: None },
            _ => Self::unexpected(what, format!("status {status}")),
        }
    }

    /// The error for an answer that violates the specification.
    pub(super) fn unexpected(what: String, why: impl Into<String>) -> Self {
        Self::Unexpected { what, why: why.into(), mend: MEND }
    }

    /// The same with the registry's own reason.
    pub(super) fn because(self, told: Option<String>) -> Self {
        match self {
            Self::Refused { what, status, login, .. } => Self::Refused { what, status, login, reason: told },
            Self::Unavailable { what, status, .. } => Self::Unavailable { what, status, reason: told },
            Self::Unexpected { what, why, mend } => {
                Self::Unexpected { what, why: refusal::with(why, told), mend }
            }
            other => other,
        }
    }

    /// The same error, which says that it is about `content`.
    pub(super) fn about(mut self, content: &str) -> Self {
        if let Self::Unavailable { what, .. } | Self::Refused { what, .. } | Self::Unexpected { what, .. } =
            &mut self
        {
            *what = format!("{what}, {content},");
        }
        self
    }

    /// The error for an upload of `blob` that was lost each time, the last time with this error.
    pub(super) fn of_lost_upload(self, blob: &str) -> Self {
        match self {
            Self::Unexpected { what, why, .. } => Self::UploadLost { what, blob: blob.to_owned(), why },
            told => told,
        }
    }

    /// The error for a manifest that was not found.
    pub(super) fn absent(what: String, login: Option<&super::Login>) -> Self {
        Self::Absent { what, login: whom(login) }
    }

    /// The error for an answer that redirects to another server. The request and its login are meant for this server
    /// only.
    pub(crate) fn redirected(what: String, answer: &reqwest::Response) -> Self {
        if http::is_redirect_loop(answer) {
            let why = "it redirects to itself again and again; check the address, and what the registry and a proxy before it \
                       take for their own";
            return Self::NotAsked { what, why: why.to_owned() };
        }
        let to = http::redirect_origin(answer);
        let why = format!(
            "it redirects to {to}, and neither a login nor a token goes from one server to another by a redirect; \
             name the registry by the address that serves it"
        );
        Self::NotAsked { what, why }
    }

    /// The error for a request without an answer. It does not contain the URL, which may hold scopes.
    pub(crate) fn from_send(what: String, error: SendError) -> Self {
        match error {
            SendError::Refused(refused) => Self::NotAsked { what, why: refused.to_string() },
            SendError::Late(late) => Self::Unreachable { what, why: late.to_string() },
            SendError::Lost(error) => Self::lost(what, &error),
        }
    }

    /// The error for a body that was not read to its end.
    pub(crate) fn from_body(what: String, error: BodyError) -> Self {
        match error {
            BodyError::TooLong { .. } => Self::unexpected(what, error.to_string()),
            BodyError::Late(late) => Self::Unreachable { what, why: late.to_string() },
            BodyError::Lost(error) => Self::lost(what, &error),
        }
    }

    fn lost(what: String, error: &reqwest::Error) -> Self {
        let innermost = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source()).last();
        let why = innermost.map_or_else(String::new, |cause| text::brief(&cause.to_string(), text::SHOWN));
        if http::is_certificate_error(&why) {
            Self::Untrusted { what, why }
        } else {
            Self::Unreachable { what, why }
        }
    }
}

fn said(reason: &Option<String>) -> String {
    reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"))
}

/// The user of the login, for messages.
fn whom(login: Option<&super::Login>) -> String {
    login.map_or_else(|| NOBODY.to_owned(), ToString::to_string)
}
