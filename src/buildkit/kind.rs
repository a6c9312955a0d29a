//! The kinds of build failure.

/// The kind of a build failure, as far as callers treat it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildErrorKind {
    /// The Dockerfile: syntax, an unknown target or stage, a missing file or directory.
    Dockerfile,
    /// A step's process failed; see [`super::BuildError::exit_code`].
    Run,
    /// A registry rejected the request, does not have the content, or did not respond.
    Registry,
    /// A Git server rejected the request, or the repository lacks the revision.
    Git,
    /// A source that [`super::Solve::allowed_git`] does not list.
    Denied,
    /// The Dockerfile needs a secret or ssh key that the session lacks.
    Secret,
    /// The build was cancelled.
    Cancelled,
    /// There is no daemon, the daemon rejected our certificate, or the certificates are missing.
    Unreachable,
    /// The connection broke during the build. [`super::Buildkit::attach`] may find the outcome.
    Lost,
    /// The reference is in use, or was within the last ten seconds; see [`super::Buildkit::attach`].
    AlreadyExists,
    /// Anything else.
    Other,
}
