//! Which commits of a pull request's branch are ours.

use std::collections::BTreeSet;

use git2::Oid;

use super::Worker;
use crate::git::read::{Reach, oid};
use crate::git::store::Logged;
use crate::git::{GitError, Identity};
use crate::write_back::message::{Group, groups};

impl Worker {
    /// The trailers of the commits from `head` down to the first one that `base` has too; `None` when one of them is
    /// not ours. Who amends, rebases or squashes a commit of ours keeps its trailers, but is its committer then.
    pub(super) async fn ours(&mut self, head: &str, base: &str) -> Result<Option<Vec<Group>>, GitError> {
        let committer = as_written(&self.request.committer);
        for reach in [Reach::Near, Reach::Far] {
            let (below, more) = self.reader.history(base, reach).await?;
            let (above, _) = self.reader.history(head, reach).await?;
            let below: BTreeSet<Oid> = below.into_iter().map(|commit| commit.oid).collect();
            let found = own(&above, &below, oid(head)?, &committer);
            if found.is_some() || !more {
                return Ok(found);
            }
        }
        Ok(None)
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
