//! The parent of the new commit, and the ref that is updated: the branch itself, or a pull request's branch based on
//! it.

use super::LaneTask;
use crate::git::GitError;
use crate::git::push::ZERO;
use crate::git::read::BranchTips;
use crate::write_back::draft::Draft;
use crate::write_back::message::values;
use crate::write_back::trailer::MANIFEST;

/// The parent of the new commit, and the ref's value before the push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BaseCommit {
    /// The parent of the new commit.
    pub(super) commit: String,
    /// The current value of the ref, or [`ZERO`].
    pub(super) old: String,
    /// The tip of the branch that the request names. For a pull request this is the target branch.
    pub(super) branch: String,
    /// The places that our commits set and that a new branch would drop.
    replaced: Vec<String>,
}

impl BaseCommit {
    fn new(base: &str, old: &str, branch: &str) -> Self {
        Self { commit: base.to_owned(), old: old.to_owned(), branch: branch.to_owned(), replaced: Vec::new() }
    }

    /// The commits whose histories say what was written before.
    pub(super) fn histories(&self) -> impl Iterator<Item = &str> {
        let mut tips = vec![self.commit.as_str()];
        for tip in [self.old.as_str(), self.branch.as_str()] {
            if tip != ZERO && !tips.contains(&tip) {
                tips.push(tip);
            }
        }
        tips.into_iter()
    }

    /// Returns a base on top of the commits that would be replaced, if the draft does not set all of their places
    /// again. So no write is lost.
    pub(super) fn on_top_of_replaced(&self, draft: &Draft) -> Option<Self> {
        let set: Vec<_> = draft.edits.iter().flat_map(|p| values(&p.message.trailers, MANIFEST)).collect();
        let drops_a_place = self.replaced.iter().any(|manifest| !set.contains(&manifest.as_str()));
        drops_a_place.then(|| Self::new(&self.old, &self.old, &self.branch))
    }
}

impl LaneTask {
    /// Chooses the base. A pull request's branch is created anew on the branch's tip while it contains only our
    /// commits. Otherwise the new commit is put on top.
    pub(super) async fn base(&mut self, tips: &BranchTips) -> Result<BaseCommit, GitError> {
        let Some(head) = tips.head.as_deref() else {
            let old = if self.request.head.is_some() { ZERO } else { &tips.base };
            return Ok(BaseCommit::new(&tips.base, old, &tips.base));
        };
        // An API can only add commits, and so can a push to a server that refuses forced updates.
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
