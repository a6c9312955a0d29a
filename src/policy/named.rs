//! What a step mentions, in the one spelling that the lists are compared with. Each kind says which of its fields these
//! are; docs/agent-tenants.md says of every field why it is among them, or why not.

use super::canonical::{self, Odd};
use crate::git::RepoUrl;
use crate::step::{Mention, Sort, Step};

/// One name in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) sort: Sort,
    /// The field, such as `build.tags`.
    pub(super) field: &'static str,
    /// As it was written; no secret.
    pub(super) written: String,
    pub(super) canonical: Result<String, Odd>,
}

impl Named {
    fn new(mention: Mention) -> Self {
        let Mention { sort, field, written, beside: _ } = mention;
        let canonical = sort.canonical(&written);
        Self { sort, field, written, canonical }
    }

    pub(super) fn of_repository(field: &'static str, repo: &RepoUrl) -> Self {
        Self::new(Mention { sort: Sort::Repositories, field, written: repo.to_string(), beside: None })
    }

    /// Whether it came from `text`, in which an output to come has a stand-in.
    pub(super) fn stands_in(&self, text: &str) -> bool {
        text.contains(&self.written)
    }
}

/// Everything that `step` names, but for the entries of `steps`, which are steps of their own.
pub(super) fn of(step: &Step) -> Vec<Named> {
    let judged =
        |mention: &Mention| !mention.beside.as_ref().is_some_and(|repo| is_at(&mention.written, repo));
    step.mentions().into_iter().filter(judged).map(Named::new).collect()
}

/// Whether the API is on the repository's own server, which is talked to anyhow.
fn is_at(url: &str, repo: &RepoUrl) -> bool {
    let (Ok(api), Ok(repo)) = (canonical::url(url), canonical::repository(&repo.to_string())) else {
        return false;
    };
    canonical::origin_of(&api) == canonical::origin_of(&repo)
}
