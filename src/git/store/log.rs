//! The part of a branch's history that is in the store.

use std::collections::{BTreeSet, BinaryHeap};

use git2::Oid;

use super::super::identity::Identity;
use super::Inner;

/// The maximum size in bytes of the messages of one history. Older commits are treated as if they were not in the
/// store.
const MAX_MESSAGES: usize = 16 << 20;

/// A commit in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(crate) oid: Oid,
    pub(crate) parents: Vec<Oid>,
    /// The commit time, in seconds since 1970.
    pub(crate) seconds: i64,
    /// The author time, in seconds since 1970. An amended or rebased commit keeps it.
    pub(crate) authored: i64,
    pub(crate) committer: Identity,
    pub(crate) message: String,
}

impl Inner {
    /// Returns the commit of `ours` that is `tip` or one of its ancestors in the store.
    pub(crate) fn ancestor(&self, tip: Oid, ours: &[Oid]) -> Option<Oid> {
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

    /// The commits in the store from `tip` down, newest first, at most `limit`; and whether there are older ones
    /// elsewhere.
    pub(crate) fn log(&self, tip: Oid, limit: usize) -> (Vec<LogEntry>, bool) {
        let (mut found, mut seen, mut more, mut bytes) = (Vec::<LogEntry>::new(), BTreeSet::new(), false, 0);
        let mut queue = BinaryHeap::from([(i64::MAX, tip)]);
        while let Some((_, oid)) = queue.pop() {
            let Ok(commit) = self.repo.find_commit(oid) else {
                more = true;
                continue;
            };
            bytes += commit.message_bytes().len();
            if found.len() == limit || (bytes > MAX_MESSAGES && !found.is_empty()) {
                return (found, true);
            }
            let parents: Vec<Oid> = commit.parent_ids().collect();
            let time = |oid: &Oid| self.repo.find_commit(*oid).map_or(i64::MIN, |c| c.time().seconds());
            queue.extend(parents.iter().filter(|oid| seen.insert(**oid)).map(|oid| (time(oid), *oid)));
            found.push(logged(&commit, parents));
        }
        (found, more)
    }

    /// Whether two commits have the same tree and the same parent.
    pub(crate) fn is_same(&self, one: Oid, other: Oid) -> bool {
        let seen = |oid| {
            let commit = self.repo.find_commit(oid).ok()?;
            Some((commit.tree_id(), commit.parent_ids().collect::<Vec<_>>()))
        };
        seen(one).is_some_and(|one| Some(one) == seen(other))
    }
}

fn logged(commit: &git2::Commit<'_>, parents: Vec<Oid>) -> LogEntry {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let by = commit.committer();
    LogEntry {
        oid: commit.id(),
        parents,
        seconds: commit.time().seconds(),
        authored: commit.author().when().seconds(),
        committer: Identity { name: text(by.name_bytes()), email: text(by.email_bytes()) },
        message: text(commit.message_bytes()),
    }
}
