//! The targets that a step names, in canonical form for the comparison with the lists. Each kind of step reports its fields with
//! targets; docs/agent-tenants.md explains for every field why it is or is not reported.

use super::canonical::{self, NotCanonical};
use crate::argocd::Application;
use crate::git::RepoUrl;
use crate::step::commit_status::is_own_context;
use crate::step::{Mention, MentionKind, Step};

/// A target that a step names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedTarget {
    pub(super) kind: MentionKind,
    /// The field, such as `build.tags`.
    pub(super) field: &'static str,
    /// The target as the user wrote it. It is not secret.
    pub(super) written: String,
    pub(super) canonical: Result<String, NotCanonical>,
}

impl NamedTarget {
    fn new(mention: Mention) -> Self {
        let Mention { kind, field, written, beside: _ } = mention;
        let canonical = kind.canonical(&written);
        Self { kind, field, written, canonical }
    }

    pub(super) fn of_repository(field: &'static str, repo: &RepoUrl) -> Self {
        Self::new(Mention { kind: MentionKind::Repositories, field, written: repo.to_string(), beside: None })
    }

    pub(super) fn of_application(field: &'static str, application: &Application) -> Self {
        let written = format!("{}/{}", application.namespace, application.name);
        Self::new(Mention { kind: MentionKind::Applications, field, written, beside: None })
    }

    pub(super) fn of_webhook(field: &'static str, origin: &str) -> Self {
        Self::new(Mention { kind: MentionKind::Webhooks, field, written: origin.to_owned(), beside: None })
    }

    /// Whether the name came from `text`, which has a placeholder for an output that is not known yet.
    pub(super) fn stands_in(&self, text: &str) -> bool {
        text.contains(&self.written)
    }
}

/// Every target of `step` in `namespace` that the policy decides about, except those of the entries of `steps`, which are steps of
/// their own.
pub(super) fn of(step: &Step, namespace: &str) -> Vec<NamedTarget> {
    let is_own = |mention: &Mention| {
        mention.kind == MentionKind::Contexts && is_own_context(&mention.written, namespace)
    };
    let is_beside =
        |mention: &Mention| mention.beside.as_ref().is_some_and(|repo| is_at(&mention.written, repo));
    let judged = |mention: &Mention| !is_own(mention) && !is_beside(mention);
    step.mentions().into_iter().filter(judged).map(NamedTarget::new).collect()
}

/// Whether the API is on the repository's own server, to which the process connects in any case.
fn is_at(url: &str, repo: &RepoUrl) -> bool {
    let (Ok(api), Ok(repo)) = (canonical::url(url), canonical::repository(&repo.to_string())) else {
        return false;
    };
    canonical::origin_of(&api) == canonical::origin_of(&repo)
}
