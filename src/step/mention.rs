//! What a step names that a policy judges: places that it writes to, or has this process or the daemon talk to.

use crate::git::RepoUrl;

/// One name in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// What sort of place it is.
    pub(crate) sort: Sort,
    /// The field, such as `build.tags`.
    pub(crate) field: &'static str,
    /// As it was written; no secret.
    pub(crate) written: String,
    /// A repository that is mentioned too. A place on the same server is talked to anyhow, and is not judged.
    pub(crate) beside: Option<RepoUrl>,
}

/// A sort of place: a list in the policy's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Image repositories that are pushed to.
    Push,
    /// Cache manifests that are imported or exported.
    Cache,
    /// Images that a build reads.
    Images,
    /// Git repositories that are read or written.
    Repositories,
    /// Argo CD Applications that are refreshed.
    Applications,
    /// APIs of forges elsewhere than at the repository.
    Forges,
    /// What a `RUN` may ask for beyond a sandbox.
    Entitlements,
    /// The daemon's own host: its network and its cgroups.
    HostNetwork,
}

impl Mention {
    pub(super) fn new(sort: Sort, field: &'static str, written: impl ToString) -> Self {
        Self { sort, field, written: written.to_string(), beside: None }
    }

    /// A Git repository.
    pub(super) fn repository(field: &'static str, repo: &RepoUrl) -> Self {
        Self::new(Sort::Repositories, field, repo)
    }
}
