//! Errors of reading from or writing to a Git server. The variants differ in what the caller should do next.

use std::error::Error;
use std::sync::Arc;

use crate::outcome::{AGAIN, Fault, because};

/// The cause of an error. It is shared, because all writers of a failed commit get the error.
pub(super) type Cause = Arc<dyn Error + Send + Sync>;

/// A cause with a single owner.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A failed request to a Git server. Texts name the repository, never a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The server requires a login, or refuses the given one (HTTP 401, or an SSH key that is not accepted).
    #[error("cannot {action} `{repo}`: the Git server refused the login; {hint}{said}")]
    Login {
        /// The repository's URL, without a login.
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
        /// The repository's URL, without a login.
        repo: String,
        /// `read` or `push to`.
        action: &'static str,
        /// What to check.
        hint: &'static str,
        /// ` (the server says: …)`, or nothing.
        said: String,
    },
    /// The repository is archived and accepts no push.
    #[error("cannot push to `{repo}`: the repository is archived; unarchive it or name another one")]
    Archived {
        /// The repository's URL, without a login.
        repo: String,
    },
    /// The repository does not exist, or this login may not see it (HTTP 404).
    #[error(
        "repository `{repo}` was not found: check the URL, and that the login may see the repository{said}"
    )]
    NotFound {
        /// The repository's URL, without a login.
        repo: String,
        /// ` (the server says: …)`, or nothing.
        said: String,
    },
    /// The address redirects to another host. A login is never sent there.
    #[error(
        "`{repo}` redirects to `{to}`: give that address instead (a login is not sent on to another host)"
    )]
    Redirected {
        /// The repository's URL, without a login.
        repo: String,
        /// Scheme and host of the redirect.
        to: String,
    },
    /// Something answers, but it is not a Git server, or not one that this client supports.
    #[error("`{repo}` cannot be used as a Git repository: {what}")]
    Unusable {
        /// The repository's URL, without a login.
        repo: String,
        /// The reason, and what to do.
        what: String,
    },
    /// The server's answer exceeds a limit.
    #[error(
        "`{repo}` cannot be used as a Git repository: its server sends more than {limit} of {what}, which is the most that \
         is read; check that the URL is the right one"
    )]
    Flood {
        /// The repository's URL, without a login.
        repo: String,
        /// The limit.
        limit: String,
        /// The part of the answer that exceeds it.
        what: &'static str,
    },
    /// The request is larger than the server, or a proxy before it, accepts.
    #[error(
        "cannot {action} `{repo}`: the server answered 413, the request is too large for it; raise the limit for \
         bodies of the proxy before it (nginx: `client_max_body_size`)"
    )]
    TooLarge {
        /// The repository's URL, without a login.
        repo: String,
        /// `read` or `push to`.
        action: &'static str,
    },
    /// The branch, tag or commit does not exist there, or the name is not valid.
    #[error("revision `{revision}` of `{repo}`: {why}")]
    Revision {
        /// The repository's URL, without a login.
        repo: String,
        /// The requested revision.
        revision: String,
        /// The reason, and what to do.
        why: String,
    },
    /// The repository has no commit.
    #[error("`{repo}` is empty: it has no commit yet; push a first one")]
    Empty {
        /// The repository's URL, without a login.
        repo: String,
    },
    /// A requested file does not exist or is not a plain file.
    #[error("cannot edit `{path}` on branch `{branch}` of `{repo}`: {why}")]
    File {
        /// The repository's URL, without a login.
        repo: String,
        /// The branch's short name, such as `main`.
        branch: String,
        /// The path as the user gave it.
        path: String,
        /// The reason, and what to do.
        why: String,
    },
    /// The request is invalid for any server: a bad author, message or path.
    #[error("{what}")]
    Input {
        /// What is wrong, and what to do.
        what: String,
    },
    /// The server refuses the commit because of a hook or a protected branch.
    #[error(
        "`{repo}` refused the push to branch `{branch}`: {reason}{said}; check the branch protection and its hooks"
    )]
    Refused {
        /// The repository's URL, without a login.
        repo: String,
        /// The branch's short name, such as `main`.
        branch: String,
        /// The server's reason for refusing the ref.
        reason: String,
        /// The output of its hooks.
        said: String,
    },
    /// The forge's API refuses to make the commit.
    #[error("`{repo}` did not get the commit to branch `{branch}`: {why}")]
    RefusedByApi {
        /// The repository's URL, without a login.
        repo: String,
        /// The branch's short name, such as `main`.
        branch: String,
        /// The API's reason, and what to do.
        why: String,
    },
    /// Others kept pushing to the branch until the request's deadline.
    #[error(
        "branch `{branch}` of `{repo}` was not updated before the deadline ({attempts} tries); the last one ended \
         with: {last}; run the step again; if it stays so, look at who else writes to the branch and at its server, or \
         give the step more time (the template's `timeout`)"
    )]
    Conflict {
        /// The repository's URL, without a login.
        repo: String,
        /// The branch's short name, such as `main`.
        branch: String,
        /// How often the edit was applied.
        attempts: u32,
        /// Why the last attempt failed.
        last: String,
    },
    /// A push was sent, but its outcome could not be determined.
    #[error(
        "it is unknown whether {commit} landed on branch `{branch}` of `{repo}`: it was sent, and then {why}; look at the \
         branch before the step is run again"
    )]
    Unknown {
        /// The repository's URL, without a login.
        repo: String,
        /// The branch's short name, such as `main`.
        branch: String,
        /// `commit SHA`, or a general text where the server makes the commit.
        commit: String,
        /// Why the outcome is unknown.
        why: String,
    },
    /// The step was stopped, or its time was over, before the push began; nothing was pushed.
    #[error("the push to `{repo}` was not started: the step was stopped, or its time was over; run it again")]
    Stopped {
        /// The repository's URL, without a login.
        repo: String,
    },
    /// The server sent an error in the protocol (`ERR`, side band 3, standard error over ssh) that is not about a
    /// right or a name. Mostly it is the server's own trouble.
    #[error(
        "the Git server broke off a request about `{repo}` and says: {said}; run the step again; if it stays so, ask \
         whoever runs that server"
    )]
    Remote {
        /// The repository's URL, without a login.
        repo: String,
        /// The server's text, made safe to show.
        said: String,
    },
    /// The connection failed or was cut, a time limit passed, or the answer was a 5xx.
    #[error("cannot {action} `{repo}` now: {what}{}; {AGAIN}", because_of(.cause.as_ref()))]
    Unavailable {
        /// The repository's URL, without a login.
        repo: String,
        /// `read` or `push to`.
        action: &'static str,
        /// What happened.
        what: String,
        /// The underlying cause; the text includes it.
        cause: Option<Cause>,
    },
    /// Something local failed: temporary space, libgit2, a broken CA file.
    #[error(
        "cannot {doing}{}; this is argo-buildkit's own trouble: check its memory, its temporary directory and its \
         settings, and report it where they are in order",
        because_of(Some(.cause))
    )]
    Local {
        /// The operation that failed, and its object.
        doing: String,
        /// The underlying cause; the text includes it.
        cause: Cause,
    },
}

fn because_of(cause: Option<&Cause>) -> String {
    because(cause.map(|cause| -> &(dyn Error + 'static) { &**cause }))
}

impl GitError {
    /// The party that must act on the error.
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

    /// Whether a retry may help.
    pub fn is_transient(&self) -> bool {
        self.fault() == Fault::Transient
    }

    /// Whether the server was unreachable or in trouble, so that the same request may work soon.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Remote { .. }) && self.is_transient()
    }

    /// Whether the server does not have the requested repository or object, or hides it from this login.
    pub(crate) fn is_unknown_there(&self) -> bool {
        let hidden = matches!(self, Self::Login { .. } | Self::Forbidden { .. } | Self::NotFound { .. });
        hidden || self.is_not_our_ref()
    }

    /// Whether the server does not support the requested filter (git `upload-pack.c`: `filter 'tree' not supported`,
    /// `tree filter allows max depth 0, but got 1`).
    pub(super) fn is_filter(&self) -> bool {
        matches!(self, Self::Remote { said, .. } if said.contains("filter"))
    }

    /// Whether the server does not have, or hides, a requested object (git `upload-pack.c`).
    pub(crate) fn is_not_our_ref(&self) -> bool {
        matches!(self, Self::Remote { said, .. } if is_not_our_ref(said))
    }

    pub(crate) fn local(doing: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Local { doing: doing.into(), cause: source.into().into() }
    }
}

/// Whether a server's text says that it does not have, or hides, a requested object: Git (`upload-pack.c`), JGit
/// (`UploadPack.java`), Azure DevOps.
pub(super) fn is_not_our_ref(said: &str) -> bool {
    let jgit = said.contains("want ") && said.contains("not valid");
    jgit || said.contains("not our ref") || said.contains("TF401035")
}
