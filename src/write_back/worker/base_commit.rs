//! What a commit is made on, and which ref it moves: the branch itself, or a pull request's branch based on it.

use super::Worker;
use crate::git::GitError;
use crate::git::push::ZERO;
use crate::git::read::Tips;
use crate::write_back::draft::Draft;
use crate::write_back::message::values;
use crate::write_back::trailer::MANIFEST;

/// The commit below ours, and the ref's place before the push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BaseCommit {
    /// The commit below ours.
    pub(super) commit: String,
    /// Where the ref is, or [`ZERO`].
    pub(super) old: String,
    /// The tip of the branch that a pull request is for; of the branch itself otherwise.
    pub(super) branch: String,
    /// The places that commits of ours set which would be replaced.
    replaced: Vec<String>,
}

impl BaseCommit {
    fn new(base: &str, old: &str, branch: &str) -> Self {
        Self { commit: base.to_owned(), old: old.to_owned(), branch: branch.to_owned(), replaced: Vec::new() }
    }

    /// The commits whose histories tell what was written before.
    pub(super) fn histories(&self) -> impl Iterator<Item = &str> {
        let mut tips = vec![self.commit.as_str()];
        for tip in [self.old.as_str(), self.branch.as_str()] {
            if tip != ZERO && !tips.contains(&tip) {
                tips.push(tip);
            }
        }
        tips.into_iter()
    }

    /// The base that is on top of what it would replace, if the draft does not set all of that anew: no write is lost.
    pub(super) fn instead(&self, draft: &Draft) -> Option<Self> {
        let set: Vec<_> = draft.parts.iter().flat_map(|p| values(&p.message.trailers, MANIFEST)).collect();
        let kept = self.replaced.iter().any(|manifest| !set.contains(&manifest.as_str()));
        kept.then(|| Self::new(&self.old, &self.old, &self.branch))
    }
}

impl Worker {
    /// A pull request's branch is made anew on the branch's tip as long as it holds commits of ours only; on those of
    /// others ours is put on top.
    pub(super) async fn base(&mut self, tips: &Tips) -> Result<BaseCommit, GitError> {
        let Some(head) = tips.head.as_deref() else {
            let old = if self.request.head.is_some() { ZERO } else { &tips.base };
            return Ok(BaseCommit::new(&tips.base, old, &tips.base));
        };
        // An API only ever adds commits, and so does a server that takes no forced update.
        if self.request.publish.is_some() || self.adds_only {
            return Ok(BaseCommit::new(head, head, &tips.base));
        }
        let Some(groups) = self.ours(head, &tips.base).await? else {
            return Ok(BaseCommit::new(head, head, &tips.base));
        };
        let manifests = groups.iter().flat_map(|group| values(group, MANIFEST)).map(str::to_owned);
        Ok(BaseCommit { replaced: manifests.collect(), ..BaseCommit::new(&tips.base, head, &tips.base) })
    }
}
