//! What a branch's commits say, below its tip.

use git2::Oid;

use super::super::branch::{full_name, short_name};
use super::super::error::GitError;
use super::super::store::Logged;
use super::{Reader, oid};

/// Commits of a branch's history that are looked through for one of ours.
const HISTORY: u32 = 50;
/// Commits that are looked through where the first ones did not tell.
const LONG_HISTORY: u32 = 1000;

/// How far back to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// As far as one cheap answer goes.
    Near,
    /// As far as it is worth looking.
    Far,
}

impl Reader {
    /// Which of `ours` the branch at `tip` holds.
    pub(crate) async fn holds(&mut self, tip: &str, ours: Vec<Oid>) -> Result<Option<Oid>, GitError> {
        let tip_oid = oid(tip)?;
        if ours.is_empty() || ours.contains(&tip_oid) {
            return Ok(ours.into_iter().find(|o| *o == tip_oid));
        }
        self.fetch_history(tip, HISTORY).await?;
        self.store.run(move |inner| Ok(inner.ancestor(tip_oid, &ours))).await
    }

    /// The commits from `tip` down, newest first, and whether there are more.
    pub(crate) async fn history(&mut self, tip: &str, reach: Reach) -> Result<(Vec<Logged>, bool), GitError> {
        // A server that cannot leave the files out would send all of them.
        let can_filter = self.lean && self.session().await?.advert.can_filter();
        let depth = if reach == Reach::Far && can_filter { LONG_HISTORY } else { HISTORY };
        self.fetch_history(tip, depth).await?;
        let oid = oid(tip)?;
        self.store.run(move |inner| Ok(inner.log(oid, depth as usize))).await
    }

    /// Why no branch can have this name: another one is where its directory would be, or the other way round.
    pub(crate) async fn blocked(&mut self, name: &str) -> Result<Option<GitError>, GitError> {
        let name = full_name(name);
        let inside =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        // Itself, and each directory that it is in: what is asked for is as long as the name, not as the list of branches.
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
