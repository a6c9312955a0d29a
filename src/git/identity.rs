//! Who makes a commit.

/// An author or committer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Such as `argo-buildkit`.
    pub name: String,
    /// Such as `argo-buildkit@example.com`.
    pub email: String,
}
