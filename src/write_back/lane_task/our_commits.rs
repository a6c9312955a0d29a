//! Finds out which commits of a pull request's branch are ours.

use std::collections::BTreeSet;

use git2::Oid;

use super::LaneTask;
use crate::git::read::{HistoryDepth, oid};
use crate::git::store::LogEntry;
use crate::git::{GitError, Identity};
use crate::write_back::message::{Group, groups};

impl LaneTask {
    /// The trailers of the commits from `head` down to the first one that `base` also contains; `None` if one of them
    /// is not ours. Somebody who amends, rebases or squashes our commit keeps its trailers, but becomes its
    /// committer.
    pub(super) async fn ours(&mut self, head: &str, base: &str) -> Result<Option<Vec<Group>>, GitError> {
        let committer = as_written(&self.request.committer);
        for depth in [HistoryDepth::Short, HistoryDepth::Long] {
            let (below, more) = self.reader.history(base, depth).await?;
            let (above, _) = self.reader.history(head, depth).await?;
            let below: BTreeSet<Oid> = below.into_iter().map(|commit| commit.oid).collect();
            let found = own(&above, &below, oid(head)?, &committer);
            if found.is_some() || !more {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// The trailers of the commits from `tip` down to those in `below`, if all are ours.
fn own(history: &[LogEntry], below: &BTreeSet<Oid>, tip: Oid, committer: &Identity) -> Option<Vec<Group>> {
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

/// Whether `committer` made the commit in our way: one parent, and equal author and commit times. Git's `--amend`,
/// `rebase` and `cherry-pick` keep the author's time, so they are detected even if they run under our name.
fn is_by(commit: &LogEntry, committer: &Identity) -> bool {
    commit.committer == *committer && commit.authored == commit.seconds && commit.parents.len() == 1
}

/// An identity as it is written to a commit: libgit2 removes spaces and punctuation at both ends (`signature.c`).
fn as_written(who: &Identity) -> Identity {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let signature = git2::Signature::now(&who.name, &who.email);
    signature.map_or_else(
        |_| who.clone(),
        |signed| Identity { name: text(signed.name_bytes()), email: text(signed.email_bytes()) },
    )
}
