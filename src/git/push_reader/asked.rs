//! A push that somebody asks about: of a clone on this machine, or of a server.

use std::path::{Path, PathBuf};

use git2::{Oid, Repository};

use super::tree_diff::TreeDiff;
use super::{HISTORY, PushReader, PushedTrees, oid};
use crate::git::error::GitError;
use crate::git::{Credentials, Git, RepoUrl};

/// What a push changed, and what its commits say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedPush {
    /// The commits from the newest one down to the one before the push, along first parents: the message, and the number of
    /// parents. At most fifty.
    pub commits: Vec<(String, usize)>,
    /// The paths that differ; `None` if they are too many, or if the commit before the push is unknown.
    pub changed: Option<Vec<Vec<u8>>>,
    /// All paths after the push; `None` if they are too many.
    pub files: Option<Vec<Vec<u8>>>,
}

/// A clone on this machine.
pub struct LocalClone {
    path: PathBuf,
    repository: Repository,
}

impl LocalClone {
    /// Opens the clone in a directory.
    ///
    /// # Errors
    /// [`GitError::Local`] if there is none.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let failed = |error| GitError::local(format!("open the clone {}", path.display()), error);
        let repository = Repository::open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), repository })
    }

    /// The addresses of its remotes.
    pub fn remotes(&self) -> Vec<RepoUrl> {
        let Ok(names) = self.repository.remotes() else { return Vec::new() };
        let names = names.iter().flatten().flatten();
        names.filter_map(|name| self.repository.find_remote(name).ok()?.url().ok()?.parse().ok()).collect()
    }

    /// The push of what lies between two commits, which may be written in any way that Git understands.
    ///
    /// # Errors
    /// [`GitError::Local`] if the clone does not have one of them.
    pub fn push(&self, before: &str, after: &str) -> Result<AskedPush, GitError> {
        let commit = |name: &str| {
            let found = self.repository.revparse_single(name).and_then(|found| found.peel_to_commit());
            let doing =
                || format!("find the commit `{}` in {}", crate::text::brief(name, 80), self.path.display());
            found.map(|commit| commit.id()).map_err(|error| GitError::local(doing(), error))
        };
        asked(&self.repository, Some(commit(before)?), commit(after)?)
    }
}

/// The push of what lies between two commits of a server.
///
/// # Errors
/// See [`GitError::fault`]; [`GitError::Revision`] if the server does not have `after`.
pub async fn server_push(
    git: &Git,
    repo: &RepoUrl,
    credentials: &Credentials,
    (before, after): (&str, &str),
) -> Result<AskedPush, GitError> {
    let before = git.resolve(repo, credentials, before).await.map(|found| found.sha);
    let after = git.resolve(repo, credentials, after).await?.sha;
    let mut reader = PushReader::new(git, repo, credentials).await?;
    let known = match before {
        Ok(before) => {
            let both = reader.trees(&before, &after).await? == PushedTrees::Both;
            both.then_some(before)
        }
        // The commit is gone, or hidden.
        Err(GitError::Revision { .. }) => None,
        Err(error) => return Err(error),
    };
    if known.is_none() {
        reader.trees(&after, &after).await?;
    }
    reader.history(&after).await?;
    let (before, after) = (known.as_deref().map(oid).transpose()?, oid(&after)?);
    reader.store.run(move |inner| asked(&inner.repo, before, after)).await
}

fn asked(repository: &Repository, before: Option<Oid>, after: Oid) -> Result<AskedPush, GitError> {
    let changed = match before {
        Some(before) => TreeDiff::of_commits(repository, before, after)?,
        None => None,
    };
    Ok(AskedPush {
        commits: commits(repository, before, after),
        changed,
        files: TreeDiff::all(repository, after)?,
    })
}

fn commits(repository: &Repository, before: Option<Oid>, after: Oid) -> Vec<(String, usize)> {
    let (mut next, mut commits) = (Some(after), Vec::new());
    while let Some(commit) =
        next.filter(|id| Some(*id) != before).and_then(|id| repository.find_commit(id).ok())
    {
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        commits.push((message, commit.parent_count()));
        next = commit.parent_id(0).ok().filter(|_| commits.len() < HISTORY as usize);
    }
    commits
}
