//! The present state of a repository on its forge: its name, whether it is writable, and how it merges.

use http::Method;
use serde::Deserialize;

use super::client::ForgeClient;
use super::error::ForgeError;
use super::refusal;
use super::repository::ForgeRepository;

/// The answer of both forges to `GET /repos/{owner}/{name}`. GitHub shows the merge settings only to users who may
/// push, so an absent field means "unknown".
#[derive(Debug, Deserialize)]
pub(super) struct RepositorySettings {
    full_name: String,
    #[serde(default)]
    archived: bool,
    pub(super) has_pull_requests: Option<bool>,
    pub(super) allow_squash_merge: Option<bool>,
    /// GitHub only; Gitea's name is the plural.
    pub(super) allow_merge_commit: Option<bool>,
    /// GitHub only.
    pub(super) allow_rebase_merge: Option<bool>,
    /// GitHub only: whether the head branch is deleted when a pull request is merged.
    pub(super) delete_branch_on_merge: Option<bool>,
    /// Gitea only.
    pub(super) allow_merge_commits: Option<bool>,
    /// Gitea only.
    pub(super) allow_rebase: Option<bool>,
    /// Gitea only: `merge`, `rebase`, `rebase-merge`, `squash` or `fast-forward-only`.
    pub(super) default_merge_style: Option<String>,
}

/// A repository that is writable, under its present name.
pub(super) struct WritableRepository {
    pub(super) client: ForgeClient,
    pub(super) settings: RepositorySettings,
    /// A warning, if the repository has another name than the caller used.
    pub(super) moved: Option<String>,
}

impl WritableRepository {
    /// Reads the repository. A renamed repository answers to its old name with a redirect, which only a GET follows.
    /// Later writes must use the new name.
    pub(super) async fn open(mut client: ForgeClient) -> Result<Self, ForgeError> {
        let settings: RepositorySettings = client.ask(&client.call(Method::GET, &[])).await?.json()?;
        if settings.archived {
            return Err(ForgeError::Refused { at: client.at(), why: refusal::archived("") });
        }
        let asked = client.repository.to_string();
        let moved = !settings.full_name.eq_ignore_ascii_case(&asked);
        if moved {
            let renamed = client.repository.renamed(&settings.full_name);
            client.repository = renamed.ok_or_else(|| client.unexpected("`full_name` is no owner/name"))?;
        }
        let moved = moved.then(|| moved_text(&asked, &client.repository));
        Ok(Self { client, settings, moved })
    }
}

fn moved_text(asked: &str, repository: &ForgeRepository) -> String {
    format!(
        "`{asked}` is now `{repository}`: update the repository URL, the forge may give the old name away"
    )
}
