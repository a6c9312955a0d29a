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
    /// What is known of the commit before the push.
    pub before: AskedBefore,
    /// The commits from the newest one down to the one before the push, along first parents: the message, and the number of
    /// parents. At most fifty.
    pub commits: Vec<(String, usize)>,
    /// Whether these end at the commit before the push.
    pub is_whole: bool,
    /// The paths that differ; `None` if they are too many, or if there is nothing to compare with.
    pub changed: Option<Vec<Vec<u8>>>,
    /// All paths after the push; `None` if they are too many.
    pub files: Option<Vec<Vec<u8>>>,
}

/// What is known of the commit before a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBefore {
    /// It is there.
    Known,
    /// It is the commit after the push.
    Same,
    /// There was none: the ref is new.
    None,
    /// The server does not have it.
    Unknown,
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
        let known = if is_nothing(before) { Err(AskedBefore::None) } else { Ok(commit(before)?) };
        asked(&self.repository, known, commit(after)?)
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
    let after = git.resolve(repo, credentials, after).await?.sha;
    let before = match is_nothing(before) {
        true => Err(AskedBefore::None),
        false => match git.resolve(repo, credentials, before).await {
            Ok(found) => Ok(found.sha),
            // The commit is gone, or hidden.
            Err(GitError::Revision { .. }) => Err(AskedBefore::Unknown),
            Err(error) => return Err(error),
        },
    };
    let mut reader = PushReader::new(git, repo, credentials).await?;
    let before = match before {
        Ok(before) if reader.trees(&before, &after).await? == PushedTrees::Both => Ok(oid(&before)?),
        Ok(_) => Err(AskedBefore::Unknown),
        Err(why) => Err(why),
    };
    if before.is_err() {
        reader.trees(&after, &after).await?;
    }
    reader.history(&after).await?;
    let after = oid(&after)?;
    reader.store.run(move |inner| asked(&inner.repo, before, after)).await
}

/// Whether a commit is none: zeros, as in the event of a new ref.
fn is_nothing(commit: &str) -> bool {
    commit.len() >= 40 && commit.bytes().all(|digit| digit == b'0')
}

fn asked(
    repository: &Repository,
    before: Result<Oid, AskedBefore>,
    after: Oid,
) -> Result<AskedPush, GitError> {
    let known = before.ok();
    let changed = match known {
        Some(before) => TreeDiff::of_commits(repository, before, after)?,
        None => None,
    };
    let before = match before {
        Ok(before) if before == after => AskedBefore::Same,
        Ok(_) => AskedBefore::Known,
        Err(why) => why,
    };
    let (commits, is_whole) = commits(repository, known, after);
    Ok(AskedPush { before, commits, is_whole, changed, files: TreeDiff::all(repository, after)? })
}

/// The commits, and whether they end at `before`.
fn commits(repository: &Repository, before: Option<Oid>, after: Oid) -> (Vec<(String, usize)>, bool) {
    let (mut next, mut commits) = (Some(after), Vec::new());
    while let Some(id) = next.filter(|id| Some(*id) != before && commits.len() < HISTORY as usize) {
        let Ok(commit) = repository.find_commit(id) else { break };
        commits.push((String::from_utf8_lossy(commit.message_bytes()).into_owned(), commit.parent_count()));
        next = commit.parent_id(0).ok();
    }
    (commits, before.is_some() && next == before)
}
