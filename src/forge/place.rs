//! A repository as its forge knows it now: its present name, whether it takes writes, how it merges.

use http::Method;
use serde::Deserialize;

use super::error::ForgeError;
use super::refusal;
use super::repository::Repository;
use super::talk::Talk;

/// What `GET /repos/{owner}/{name}` says on both forges. GitHub shows how a repository merges only to those who may
/// push, so what is absent is not known.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    full_name: String,
    #[serde(default)]
    archived: bool,
    pub(super) has_pull_requests: Option<bool>,
    pub(super) allow_squash_merge: Option<bool>,
    /// GitHub's; Gitea has a plural.
    pub(super) allow_merge_commit: Option<bool>,
    /// GitHub's.
    pub(super) allow_rebase_merge: Option<bool>,
    /// GitHub's: whether its head branch goes when a pull request is merged.
    pub(super) delete_branch_on_merge: Option<bool>,
    /// Gitea's.
    pub(super) allow_merge_commits: Option<bool>,
    /// Gitea's.
    pub(super) allow_rebase: Option<bool>,
    /// Gitea's: `merge`, `rebase`, `rebase-merge`, `squash` or `fast-forward-only`.
    pub(super) default_merge_style: Option<String>,
}

/// A repository that takes writes, under its present name.
pub(super) struct Place {
    pub(super) talk: Talk,
    pub(super) settings: Settings,
    /// Set when the repository has another name than it was asked for by.
    pub(super) moved: Option<String>,
}

impl Place {
    /// Looks the repository up. A renamed one answers under its old name with a redirect, which only a GET follows;
    /// what writes after it must use the new name.
    pub(super) async fn open(mut talk: Talk) -> Result<Self, ForgeError> {
        let settings: Settings = talk.ask(&talk.call(Method::GET, &[])).await?.json()?;
        if settings.archived {
            return Err(ForgeError::Refused { at: talk.at(), why: refusal::archived("") });
        }
        let asked = talk.repository.to_string();
        let moved = !settings.full_name.eq_ignore_ascii_case(&asked);
        if moved {
            let renamed = talk.repository.renamed(&settings.full_name);
            talk.repository = renamed.ok_or_else(|| talk.unexpected("`full_name` is no owner/name"))?;
        }
        let moved = moved.then(|| moved_text(&asked, &talk.repository));
        Ok(Self { talk, settings, moved })
    }
}

fn moved_text(asked: &str, repository: &Repository) -> String {
    format!(
        "`{asked}` is now `{repository}`: update the repository URL, the forge may give the old name away"
    )
}
