//! Reads the history of a branch below its tip.

use git2::Oid;

use super::super::branch::{full_name, short_name};
use super::super::error::GitError;
use super::super::store::LogEntry;
use super::{BranchReader, oid};

/// How many commits of a history are searched first.
const HISTORY: u32 = 50;
/// How many commits are searched if the first search did not decide.
const LONG_HISTORY: u32 = 1000;

/// How far back a history is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HistoryDepth {
    /// [`HISTORY`] commits, which one cheap answer holds.
    Short,
    /// [`LONG_HISTORY`] commits.
    Long,
}

impl BranchReader {
    /// Returns the commit of `ours` that the branch at `tip` contains, if there is one.
    pub(crate) async fn holds(&mut self, tip: &str, ours: Vec<Oid>) -> Result<Option<Oid>, GitError> {
        let tip_oid = oid(tip)?;
        if ours.is_empty() || ours.contains(&tip_oid) {
            return Ok(ours.into_iter().find(|o| *o == tip_oid));
        }
        self.fetch_history(tip, HISTORY).await?;
        self.store.run(move |inner| Ok(inner.ancestor(tip_oid, &ours))).await
    }

    /// The commits from `tip` down, newest first, and whether there are older ones.
    pub(crate) async fn history(
        &mut self,
        tip: &str,
        history_depth: HistoryDepth,
    ) -> Result<(Vec<LogEntry>, bool), GitError> {
        // A server without filters would send all files.
        let can_filter = self.fetches_single_files && self.session().await?.advert.can_filter();
        let depth = if history_depth == HistoryDepth::Long && can_filter { LONG_HISTORY } else { HISTORY };
        self.fetch_history(tip, depth).await?;
        let oid = oid(tip)?;
        self.store.run(move |inner| Ok(inner.log(oid, depth as usize))).await
    }

    /// The reason why a branch cannot have this name: an existing branch has the name of one of its directories, or
    /// the reverse.
    pub(crate) async fn name_conflict(&mut self, name: &str) -> Result<Option<GitError>, GitError> {
        let name = full_name(name);
        let inside =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        // Look up the name itself and each of its directories. So the answer is as long as the name, not as the list
        // of branches.
        let parts = name.match_indices('/').skip(2).map(|(at, _)| &name[..at]);
        let prefixes: Vec<_> = parts.chain([&*name]).collect();
        let refs =
            self.session().await?.list(&prefixes, |other| inside(other, &name) || inside(&name, other));
        Ok(refs.await?.first().map(|other| {
            let (repo, revision) = (self.branches.repo.to_string(), short_name(&name).to_owned());
            let other = super::super::text::tidy(short_name(&other.name).as_bytes());
            let why =
                format!("Git cannot have this branch beside `{other}`; give the new branch another name");
            GitError::Revision { repo, revision, why }
        }))
    }

    async fn fetch_history(&mut self, tip: &str, depth: u32) -> Result<(), GitError> {
        if self.histories.get(tip).is_some_and(|deep| *deep >= depth) {
            return Ok(());
        }
        self.fetch(vec![tip.to_owned()], Some(depth), Some("tree:0")).await?;
        self.histories.insert(tip.to_owned(), depth);
        Ok(())
    }
}
