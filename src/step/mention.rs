//! Targets that a step names and a policy checks: what the step writes to, or makes this process or the daemon connect to.

use crate::git::RepoUrl;

/// One target that a step names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// The kind of target.
    pub(crate) kind: MentionKind,
    /// The field, such as `build.tags`.
    pub(crate) field: &'static str,
    /// The target as the user wrote it. It is not secret.
    pub(crate) written: String,
    /// A repository that the step also names. A target on the same server is not checked, because the process connects there in any case.
    pub(crate) beside: Option<RepoUrl>,
}

/// A kind of target. Each has a list in the policy file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MentionKind {
    /// Image repositories that are pushed to.
    Push,
    /// Cache manifests that are imported or exported.
    Cache,
    /// Images that a build reads.
    Images,
    /// Git repositories that are read or written.
    Repositories,
    /// Argo CD Applications that are refreshed, watched or synced.
    Applications,
    /// APIs of forges that are not on the repository's own server.
    Forges,
    /// Contexts of commit statuses, which are the names of checks.
    Contexts,
    /// Servers that messages are sent to. Their addresses are in Secrets, so no step mentions one.
    Webhooks,
    /// The permissions of a `RUN` beyond the sandbox.
    Entitlements,
    /// The daemon's own host: its network and its cgroups.
    HostNetwork,
    /// The daemon's cache, with the records of all namespaces.
    DaemonCache,
}

impl Mention {
    pub(super) fn new(kind: MentionKind, field: &'static str, written: impl ToString) -> Self {
        Self { kind, field, written: written.to_string(), beside: None }
    }

    /// A Git repository.
    pub(super) fn repository(field: &'static str, repo: &RepoUrl) -> Self {
        Self::new(MentionKind::Repositories, field, repo)
    }
}
