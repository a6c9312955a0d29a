//! What a branch's commits say, below its tip.

use std::collections::BTreeSet;

use git2::Oid;

use super::super::error::GitError;
use super::super::lanes::{full_name, short_name};
use super::super::message::{Group, groups};
use super::super::request::Identity;
use super::super::store::Logged;
use super::{Reader, oid};

/// Commits of a branch's history that are looked through for one of ours.
const HISTORY: u32 = 50;
/// Commits that are looked through where the first ones did not tell.
const LONG_HISTORY: u32 = 1000;

/// How far back to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::git) enum Reach {
    /// As far as one cheap answer goes.
    Near,
    /// As far as it is worth looking.
    Far,
}

impl Reader {
    /// Which of `ours` the branch at `tip` holds.
    pub(in crate::git) async fn holds(&mut self, tip: &str, ours: Vec<Oid>) -> Result<Option<Oid>, GitError> {
        let tip_oid = oid(tip)?;
        if ours.is_empty() || ours.contains(&tip_oid) {
            return Ok(ours.into_iter().find(|o| *o == tip_oid));
        }
        self.fetch_history(tip, HISTORY).await?;
        self.store.run(move |inner| Ok(inner.ancestor(tip_oid, &ours))).await
    }

    /// The commits from `tip` down, newest first, and whether there are more.
    pub(in crate::git) async fn history(
        &mut self,
        tip: &str,
        reach: Reach,
    ) -> Result<(Vec<Logged>, bool), GitError> {
        // A server that cannot leave the files out would send all of them.
        let can_filter = self.lean && self.session().await?.advert.can_filter();
        let depth = if reach == Reach::Far && can_filter { LONG_HISTORY } else { HISTORY };
        self.fetch_history(tip, depth).await?;
        let oid = oid(tip)?;
        self.store.run(move |inner| Ok(inner.log(oid, depth as usize))).await
    }

    /// The trailers of the commits from `head` down to the first one that `base` has too; `None` when one of them is
    /// not ours. Who amends, rebases or squashes a commit of ours keeps its trailers, but is its committer then.
    pub(in crate::git) async fn ours(
        &mut self,
        head: &str,
        base: &str,
    ) -> Result<Option<Vec<Group>>, GitError> {
        let committer = as_written(&self.request.committer);
        for reach in [Reach::Near, Reach::Far] {
            let (below, more) = self.history(base, reach).await?;
            let (above, _) = self.history(head, reach).await?;
            let below: BTreeSet<Oid> = below.into_iter().map(|commit| commit.oid).collect();
            let found = own(&above, &below, oid(head)?, &committer);
            if found.is_some() || !more {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Why no branch can have this name: another one is where its directory would be, or the other way round.
    pub(in crate::git) async fn blocked(&mut self, name: &str) -> Result<Option<GitError>, GitError> {
        let name = full_name(name);
        let inside =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        // Itself, and each directory that it is in: what is asked for is as long as the name, not as the list of branches.
        let parts = name.match_indices('/').skip(2).map(|(at, _)| &name[..at]);
        let prefixes: Vec<_> = parts.chain([&*name]).collect();
        let refs =
            self.session().await?.list(&prefixes, |other| inside(other, &name) || inside(&name, other));
        Ok(refs.await?.first().map(|other| {
            let (repo, revision) = (self.request.repo.to_string(), short_name(&name).to_owned());
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

/// The trailers of the commits from `tip` down to those `below`, if all are ours.
fn own(history: &[Logged], below: &BTreeSet<Oid>, tip: Oid, committer: &Identity) -> Option<Vec<Group>> {
    let (mut found, mut queue, mut seen) = (Vec::new(), vec![tip], BTreeSet::new());
    while let Some(oid) = queue.pop() {
        if below.contains(&oid) || !seen.insert(oid) {
            continue;
        }
        let commit = history.iter().find(|commit| commit.oid == oid)?;
        let groups = groups(&commit.message);
        if groups.is_empty() || !is_by(commit, committer) {
            return None;
        }
        found.extend(groups);
        queue.extend(&commit.parents);
    }
    Some(found)
}

/// Whether a commit is as `committer` makes one: on one parent, written and committed at one time. Git's `--amend`,
/// `rebase` and `cherry-pick` keep the author's time, so they show even where they run under our name.
fn is_by(commit: &Logged, committer: &Identity) -> bool {
    commit.committer == *committer && commit.authored == commit.seconds && commit.parents.len() == 1
}

/// An identity as a commit has it: libgit2 cuts spaces and punctuation at both ends off (`signature.c`).
fn as_written(who: &Identity) -> Identity {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let signature = git2::Signature::now(&who.name, &who.email);
    signature.map_or_else(
        |_| who.clone(),
        |signed| Identity { name: text(signed.name_bytes()), email: text(signed.email_bytes()) },
    )
}
