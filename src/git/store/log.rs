//! Histories, as far as they are here.

use std::collections::{BTreeSet, BinaryHeap};

use git2::Oid;

use super::Inner;

/// A commit of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::git) struct Logged {
    pub(in crate::git) oid: Oid,
    pub(in crate::git) parents: Vec<Oid>,
    /// When it was committed, in seconds since 1970.
    pub(in crate::git) seconds: i64,
    pub(in crate::git) message: String,
}

impl Inner {
    /// Whether one of `ours` is `tip` or one of its ancestors that are here.
    pub(in crate::git) fn ancestor(&self, tip: Oid, ours: &[Oid]) -> Option<Oid> {
        let (mut seen, mut queue) = (BTreeSet::new(), vec![tip]);
        while let Some(oid) = queue.pop() {
            if ours.contains(&oid) {
                return Some(oid);
            }
            if let Ok(commit) = self.repo.find_commit(oid)
                && seen.insert(oid)
            {
                queue.extend(commit.parent_ids());
            }
        }
        None
    }

    /// Commits from `tip` down that are here, newest first, at most `limit`; and whether there are more elsewhere.
    pub(in crate::git) fn log(&self, tip: Oid, limit: usize) -> (Vec<Logged>, bool) {
        let (mut found, mut seen, mut more) = (Vec::new(), BTreeSet::new(), false);
        let mut queue = BinaryHeap::from([(i64::MAX, tip)]);
        while let Some((_, oid)) = queue.pop() {
            let Ok(commit) = self.repo.find_commit(oid) else {
                more = true;
                continue;
            };
            if found.len() == limit {
                return (found, true);
            }
            let parents: Vec<Oid> = commit.parent_ids().collect();
            let time = |oid: &Oid| self.repo.find_commit(*oid).map_or(i64::MIN, |c| c.time().seconds());
            queue.extend(parents.iter().filter(|oid| seen.insert(**oid)).map(|oid| (time(oid), *oid)));
            let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
            found.push(Logged { oid, parents, seconds: commit.time().seconds(), message });
        }
        (found, more)
    }

    /// Whether two commits have one content and one parent.
    pub(in crate::git) fn is_same(&self, one: Oid, other: Oid) -> bool {
        let seen = |oid| {
            let commit = self.repo.find_commit(oid).ok()?;
            Some((commit.tree_id(), commit.parent_ids().collect::<Vec<_>>()))
        };
        seen(one).is_some_and(|one| Some(one) == seen(other))
    }
}
