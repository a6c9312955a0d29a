//! Reads files of a branch, for steps that write nothing.

use std::collections::BTreeMap;

use super::error::GitError;
use super::file_spec::FileSpec;
use super::read::{BranchReader, Branches, HistoryDepth};
use super::store::LogEntry;
use super::text;
use super::{Git, retried};
use crate::time_limits::within;

/// Some files of a branch.
#[derive(Debug)]
pub(crate) struct BranchFiles {
    /// The commit that the branch named.
    pub(crate) tip: String,
    /// The files by their path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Git {
    /// Reads the files of a branch that `specs` match. Each of them must match a file.
    ///
    /// # Errors
    /// The server fails, a pattern matches nothing, or a file cannot be read: it is too large, or is no plain file.
    pub(crate) async fn branch_files(
        &self,
        branches: &Branches,
        specs: &[FileSpec],
    ) -> Result<BranchFiles, GitError> {
        self.limited(branches, retried(|| self.branch_files_once(branches, specs))).await
    }

    /// The commit that a branch names now.
    ///
    /// # Errors
    /// The server fails, or there is no such branch.
    pub(crate) async fn branch_tip(&self, branches: &Branches) -> Result<String, GitError> {
        let tip = || async { Ok(BranchReader::new(self, branches.clone()).await?.tips().await?.base) };
        self.limited(branches, retried(tip)).await
    }

    /// The commits of a branch from its tip down, newest first: 50, or as many as it takes to reach the commit `down_to`, and at
    /// most 1000.
    ///
    /// # Errors
    /// The server fails, or there is no such branch.
    pub(crate) async fn branch_log(
        &self,
        branches: &Branches,
        down_to: Option<&str>,
    ) -> Result<Vec<LogEntry>, GitError> {
        self.limited(branches, retried(|| self.branch_log_once(branches, down_to))).await
    }

    /// Reads the files of `commit`, which the branch must contain, that `specs` match. Each of them must match a file.
    ///
    /// # Errors
    /// Those of [`branch_files`](Self::branch_files), and the server does not serve the commit.
    pub(crate) async fn files_at(
        &self,
        branches: &Branches,
        commit: &str,
        specs: &[FileSpec],
    ) -> Result<BTreeMap<String, Vec<u8>>, GitError> {
        let once = || async {
            let mut reader = BranchReader::new(self, branches.clone()).await?;
            files_of(&mut reader, commit, specs).await
        };
        self.limited(branches, retried(once)).await
    }

    async fn limited<T>(
        &self,
        branches: &Branches,
        read: impl Future<Output = Result<T, GitError>>,
    ) -> Result<T, GitError> {
        within(self.options.resolve_timeout, "its server", read).await.unwrap_or_else(|late| {
            let what = format!("branch `{}` was not read: {late}", text::tidy(branches.base.as_bytes()));
            Err(GitError::Unavailable { repo: branches.repo.to_string(), action: "read", what, cause: None })
        })
    }

    async fn branch_files_once(
        &self,
        branches: &Branches,
        specs: &[FileSpec],
    ) -> Result<BranchFiles, GitError> {
        let mut reader = BranchReader::new(self, branches.clone()).await?;
        let tip = reader.tips().await?.base;
        let files = files_of(&mut reader, &tip, specs).await?;
        Ok(BranchFiles { tip, files })
    }

    async fn branch_log_once(
        &self,
        branches: &Branches,
        down_to: Option<&str>,
    ) -> Result<Vec<LogEntry>, GitError> {
        let mut reader = BranchReader::new(self, branches.clone()).await?;
        let tip = reader.tips().await?.base;
        let (log, more) = reader.history(&tip, HistoryDepth::Short).await?;
        let is_found = |down_to: &str| log.iter().any(|commit| commit.oid.to_string() == down_to);
        if !more || down_to.is_none_or(is_found) {
            return Ok(log);
        }
        Ok(reader.history(&tip, HistoryDepth::Long).await?.0)
    }
}

/// The files of `commit` that `specs` match.
async fn files_of(
    reader: &mut BranchReader,
    commit: &str,
    specs: &[FileSpec],
) -> Result<BTreeMap<String, Vec<u8>>, GitError> {
    reader.checkout(commit).await?;
    let found = reader.select(commit, specs.iter().map(|spec| vec![spec.clone()]).collect()).await?;
    let found: Vec<_> = found.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let sizes = reader.sizes(commit, &found).await?;
    reader.fit(&found, &sizes)?;
    let contents = reader.contents(found).await?;
    contents.into_iter().map(|(path, plain)| Ok((path, plain?.bytes))).collect()
}
