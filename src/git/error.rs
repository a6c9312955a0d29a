//! Why a Git server could not be read or written, by what the caller does next.

use std::error::Error;
use std::sync::Arc;

use crate::outcome::{AGAIN, Fault, because};

/// The cause below an error of ours, shared by all writers of a commit that failed.
pub(super) type Cause = Arc<dyn Error + Send + Sync>;

/// A cause that only one error has yet.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A failed talk with a Git server. Texts name the repository, never a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The server wants a login, or refuses the one given (HTTP 401, or an SSH key that is not accepted).
    #[error("cannot {action} `{repo}`: the Git server refused the login; {hint}{said}")]
    Login {
        /// Its URL, without a login.
        repo: String,
        /// `read` or `push to`.
        action: &'static str,
        /// What to check.
        hint: &'static str,
        /// ` (the server says: …)`, or nothing.
        said: String,
    },
    /// The login is known but may not do this (HTTP 403).
    #[error("cannot {action} `{repo}`: the login has no right to; {hint}{said}")]
    Forbidden {
        /// Its URL, without a login.
        repo: String,
        /// `read` or `push to`.
        action: &'static str,
        /// What to check.
        hint: &'static str,
        /// ` (the server says: …)`, or nothing.
        said: String,
    },
    /// An archived repository takes no push.
    #[error("cannot push to `{repo}`: the repository is archived; unarchive it or name another one")]
    Archived {
        /// Its URL, without a login.
        repo: String,
    },
    /// There is no such repository, or this login may not know of it (HTTP 404).
    #[error(
        "repository `{repo}` was not found: check the URL, and that the login may see the repository{said}"
    )]
    NotFound {
        /// Its URL, without a login.
        repo: String,
        /// ` (the server says: …)`, or nothing.
        said: String,
    },
    /// The address leads to another one; a login is never carried there.
    #[error(
        "`{repo}` redirects to `{to}`: give that address instead (a login is not sent on to another host)"
    )]
    Redirected {
        /// Its URL, without a login.
        repo: String,
        /// Scheme and host of the redirect.
        to: String,
    },
    /// Something answers, but not a Git server, or not one that this client can talk to.
    #[error("`{repo}` cannot be used as a Git repository: {what}")]
    Unusable {
        /// Its URL, without a login.
        repo: String,
        /// Why, and what to do.
        what: String,
    },
    /// The server sends more than is read.
    #[error(
        "`{repo}` cannot be used as a Git repository: its server sends more than {limit} of {what}, which is the most that \
         is read; check that the URL is the right one"
    )]
    Flood {
        /// Its URL, without a login.
        repo: String,
        /// How much is read.
        limit: String,
        /// Of what.
        what: &'static str,
    },
    /// The request is larger than the server, or a proxy before it, takes.
    #[error(
        "cannot {action} `{repo}`: the server answered 413, the request is too large for it; raise the limit for \
         bodies of the proxy before it (nginx: `client_max_body_size`)"
    )]
    TooLarge {
        /// Its URL, without a login.
        repo: String,
        /// `read` or `push to`.
        action: &'static str,
    },
    /// The branch, tag or commit does not exist there or cannot be named so.
    #[error("revision `{revision}` of `{repo}`: {why}")]
    Revision {
        /// Its URL, without a login.
        repo: String,
        /// What was asked for.
        revision: String,
        /// Why not, and what to do.
        why: String,
    },
    /// The repository has no commit.
    #[error("`{repo}` is empty: it has no commit yet; push a first one")]
    Empty {
        /// Its URL, without a login.
        repo: String,
    },
    /// A file of the request is not there or is not a plain file.
    #[error("cannot edit `{path}` on branch `{branch}` of `{repo}`: {why}")]
    File {
        /// Its URL, without a login.
        repo: String,
        /// Its short name, such as `main`.
        branch: String,
        /// The path as it was given.
        path: String,
        /// Why not, and what to do.
        why: String,
    },
    /// The request itself cannot be carried out anywhere: a bad author, message or path.
    #[error("{what}")]
    Input {
        /// What is wrong, and what to do.
        what: String,
    },
    /// The server will not take the commit: a hook or a protected branch.
    #[error(
        "`{repo}` refused the push to branch `{branch}`: {reason}{said}; check the branch protection and its hooks"
    )]
    Refused {
        /// Its URL, without a login.
        repo: String,
        /// Its short name, such as `main`.
        branch: String,
        /// The server's verdict on the ref.
        reason: String,
        /// What its hooks printed.
        said: String,
    },
    /// The forge's API will not make the commit.
    #[error("`{repo}` did not get the commit to branch `{branch}`: {why}")]
    RefusedByApi {
        /// Its URL, without a login.
        repo: String,
        /// Its short name, such as `main`.
        branch: String,
        /// The API's reason, and what to do.
        why: String,
    },
    /// Others kept pushing until the request's deadline.
    #[error(
        "branch `{branch}` of `{repo}` was not updated before the deadline ({attempts} tries); the last one ended \
         with: {last}; run the step again; if it stays so, look at who else writes to the branch and at its server, or \
         give the step more time (the template's `timeout`)"
    )]
    Conflict {
        /// Its URL, without a login.
        repo: String,
        /// Its short name, such as `main`.
        branch: String,
        /// How often the edit was applied.
        attempts: u32,
        /// Why the last try did not land.
        last: String,
    },
    /// A push was sent, and it could not be read whether it landed.
    #[error(
        "it is unknown whether {commit} landed on branch `{branch}` of `{repo}`: it was sent, and then {why}; look at the \
         branch before the step is run again"
    )]
    Unknown {
        /// Its URL, without a login.
        repo: String,
        /// Its short name, such as `main`.
        branch: String,
        /// `commit SHA`, or what stands for it where the server makes the commit.
        commit: String,
        /// Why it is not known.
        why: String,
    },
    /// A shutdown came before the push began; nothing was pushed.
    #[error("the push to `{repo}` was not started: this server is shutting down; run the step again")]
    Stopped {
        /// Its URL, without a login.
        repo: String,
    },
    /// The server said an error in the protocol (`ERR`, side band 3, standard error over ssh) that is no refusal of a
    /// right or a name: mostly trouble of its own.
    #[error(
        "the Git server broke off a request about `{repo}` and says: {said}; run the step again; if it stays so, ask \
         whoever runs that server"
    )]
    Remote {
        /// Its URL, without a login.
        repo: String,
        /// The server's own words, made plain.
        said: String,
    },
    /// No connection, a cut one, a time-out, or a 5xx answer.
    #[error("cannot {action} `{repo}` now: {what}{}; {AGAIN}", because_of(.cause.as_ref()))]
    Unavailable {
        /// Its URL, without a login.
        repo: String,
        /// `read` or `push to`.
        action: &'static str,
        /// What happened.
        what: String,
        /// The cause below, which the text names.
        cause: Option<Cause>,
    },
    /// Something on this side failed: temporary space, libgit2, a broken CA file.
    #[error(
        "cannot {doing}{}; this is argo-buildkit's own trouble: check its memory, its temporary directory and its \
         settings, and report it where they are in order",
        because_of(Some(.cause))
    )]
    Local {
        /// What was attempted, on what.
        doing: String,
        /// The cause below, which the text names.
        cause: Cause,
    },
}

fn because_of(cause: Option<&Cause>) -> String {
    because(cause.map(|cause| -> &(dyn Error + 'static) { &**cause }))
}

impl GitError {
    /// Whose turn it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Remote { .. } if self.is_not_our_ref() || self.is_filter() => Fault::User,
            Self::Unavailable { .. }
            | Self::Remote { .. }
            | Self::Conflict { .. }
            | Self::Unknown { .. }
            | Self::Stopped { .. } => Fault::Transient,
            Self::Local { .. } => Fault::Ours,
            _ => Fault::User,
        }
    }

    /// Whether asking again may help.
    pub fn is_transient(&self) -> bool {
        self.fault() == Fault::Transient
    }

    /// Whether the server was away or in trouble: the same request may work in a moment.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Remote { .. }) && self.is_transient()
    }

    /// Whether it says that the server does not have what was asked for, or does not show it to this login.
    pub(crate) fn is_unknown_there(&self) -> bool {
        let hidden = matches!(self, Self::Login { .. } | Self::Forbidden { .. } | Self::NotFound { .. });
        hidden || self.is_not_our_ref()
    }

    /// Whether the server does not have the filter that it was asked for (git `upload-pack.c`: `filter 'tree' not supported`,
    /// `tree filter allows max depth 0, but got 1`).
    pub(super) fn is_filter(&self) -> bool {
        matches!(self, Self::Remote { said, .. } if said.contains("filter"))
    }

    /// The server does not have, or does not show, an object that was asked for (git `upload-pack.c`).
    pub(crate) fn is_not_our_ref(&self) -> bool {
        matches!(self, Self::Remote { said, .. } if is_not_our_ref(said))
    }

    pub(crate) fn local(doing: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Local { doing: doing.into(), cause: source.into().into() }
    }
}

/// Whether the server does not have, or does not show, an object that was asked for: Git (`upload-pack.c`), JGit
/// (`UploadPack.java`), Azure DevOps.
pub(super) fn is_not_our_ref(said: &str) -> bool {
    let jgit = said.contains("want ") && said.contains("not valid");
    jgit || said.contains("not our ref") || said.contains("TF401035")
}
