//! The author or committer of a commit.

/// An author or committer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// For example `argo-buildkit`.
    pub name: String,
    /// For example `argo-buildkit@example.com`.
    pub email: String,
}
