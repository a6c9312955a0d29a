//! What a build can fail of.

/// What went wrong, as far as the caller acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The Dockerfile: syntax, an unknown target or stage, a missing file or directory.
    Dockerfile,
    /// A step's process failed; see [`super::BuildError::exit_code`].
    Run,
    /// A registry refused, does not have, or did not answer.
    Registry,
    /// A Git repository refused, or lacks the revision.
    Git,
    /// A source that [`super::Solve::allowed_git`] does not list.
    Denied,
    /// A secret or ssh key that the Dockerfile wants and the session lacks.
    Secret,
    /// The build was cancelled.
    Cancelled,
    /// There is no daemon, or it does not accept us, or there are no certificates to show it.
    Unreachable,
    /// The connection broke while building; the outcome may be found by [`super::Buildkit::attach`].
    Lost,
    /// The reference is in use, or was within the last ten seconds; see [`super::Buildkit::attach`].
    AlreadyExists,
    /// Anything else.
    Other,
}
