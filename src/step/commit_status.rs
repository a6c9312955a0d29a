//! `commit-status`: shows at a commit, on its forge, how a build or a deployment went.

mod fields;
mod table;

use super::{Mention, MentionKind, SecretRef};
use crate::forge::{ForgeRepository, StatusState};
use crate::git::RepoUrl;
use crate::oci::ImageRef;
pub(super) use fields::read;
pub(super) use table::SPEC;

/// The first part of the contexts that belong to a namespace.
const OURS: &str = "argo-buildkit";

/// A valid `commit-status` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// What is shown, and where; `None` if the step is off, and does nothing.
    pub wanted: Option<WantedStatus>,
    /// Whether the step succeeds although the status was not set.
    pub ignore_error: bool,
}

/// A status of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedStatus {
    /// The repository, as it is cloned.
    pub repo: RepoUrl,
    /// The same on its forge.
    pub repository: ForgeRepository,
    /// The API's address, if it is written.
    pub api: Option<String>,
    /// A Secret with a token for the API.
    pub secret: SecretRef,
    /// The commit's 40 or 64 hex digits, in lower case.
    pub commit: String,
    /// How it went.
    pub state: StatusState,
    /// The name of the check; by default `argo-buildkit/NAMESPACE`.
    pub context: Option<String>,
    /// A text for people, of any length.
    pub description: String,
    /// The page that the status links to; by default that of the workflow in Argo's UI.
    pub url: Option<String>,
    /// An image in Gitea's registry that is linked to the repository.
    pub link_package: Option<ImageRef>,
}

/// The context of a step that names none. Each namespace has one of its own, so that it is nobody else's check.
pub(crate) fn own_context(namespace: &str) -> String {
    format!("{OURS}/{namespace}")
}

/// Whether `context` is [`own_context`] of `namespace`, or below it.
pub(crate) fn is_own_context(context: &str, namespace: &str) -> bool {
    let below = context.strip_prefix(own_context(namespace).as_str());
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(super) fn mentions(status: &CommitStatus) -> Vec<Mention> {
    let Some(wanted) = &status.wanted else { return Vec::new() };
    let WantedStatus {
        repo,
        api,
        context,
        link_package,
        // Made of `repo` and `api`.
        repository: _,
        // A Secret of the workflow's own namespace, read with the rights of its account.
        secret: _,
        // Content of that repository.
        commit: _,
        state: _,
        description: _,
        // A link for people. No request is sent there.
        url: _,
    } = wanted;
    let repository = Mention::repository("commit-status.repo", repo);
    let api = api.as_ref().map(|url| Mention {
        beside: Some(repo.clone()),
        ..Mention::new(MentionKind::Forges, "commit-status.forge.url", url)
    });
    // A required check decides what may be merged, so a step must not speak for any.
    let context =
        context.as_ref().map(|context| Mention::new(MentionKind::Contexts, "commit-status.context", context));
    let package = link_package
        .as_ref()
        .map(|image| Mention::new(MentionKind::Push, "commit-status.link-package", image.name()));
    [Some(repository), api, context, package].into_iter().flatten().collect()
}
