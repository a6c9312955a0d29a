//! Which services a push touches, as functions without requests: refs, globs of paths, marks in commit messages, the
//! names of Workflows, and the reason of each decision.
//!
//! The step `select`, the step `poll` and `argo-buildkit render --explain` all decide here, so they agree.

mod change;
mod git_ref;
mod marks;
mod names;
mod paths;
mod ref_filter;

pub use change::{Change, ChangedFiles, Uncompared};
pub use git_ref::GitRef;
pub(crate) use marks::SKIP_MARKS;
pub use marks::skip_mark;
pub use names::{
    DELIVERY_ANNOTATION, LABEL as SERVICE_LABEL, LINE_LABEL, LONGEST_SERVICE, REPOSITORY_LABEL, image_tag,
    is_service_name, line, workflow_name,
};
pub use paths::{BadGlob, PathFilter};
pub use ref_filter::{BadPattern, NamePattern, RefFilter, RefMatcher};

/// Which pushes concern a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// The branches and tags that are built.
    pub refs: RefFilter,
    /// The files that are watched and ignored.
    pub paths: PathFilter,
}

/// Whether a push touches a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether the service is built.
    pub selected: bool,
    /// One sentence for people, without a full stop. It may contain names from the repository, which are cleaned and short.
    pub reason: String,
}

impl Decision {
    fn build(reason: String) -> Self {
        Self { selected: true, reason }
    }

    fn skip(reason: String) -> Self {
        Self { selected: false, reason }
    }
}

impl Rule {
    /// Decides about a push of `git_ref`, without the paths: whether the ref is one that the service builds.
    /// `None` means that the change itself decides.
    pub fn refuses(&self, git_ref: &GitRef) -> Option<Decision> {
        self.refs.refuses(git_ref).map(Decision::skip)
    }

    /// Decides about a push of `git_ref` that makes `change`.
    ///
    /// # Errors
    /// A glob that is too large to be used.
    pub fn decide(&self, git_ref: &GitRef, change: &Change) -> Result<Decision, BadGlob> {
        if let Some(refused) = self.refuses(git_ref) {
            return Ok(refused);
        }
        Ok(match change {
            Change::Deleted => Decision::skip(format!("{git_ref} was deleted")),
            Change::OwnCommits(0 | 1) => {
                Decision::skip("the pushed commit is a write-back of argo-buildkit itself".to_owned())
            }
            Change::OwnCommits(count) => {
                Decision::skip(format!("all {count} pushed commits are write-backs of argo-buildkit itself"))
            }
            Change::SkipMark(mark) => Decision::skip(format!("the commit's message has `{mark}`")),
            Change::Uncompared(why) => {
                Decision::build(format!("everything counts as changed: {}", why.of(git_ref)))
            }
            Change::Files(_) if self.paths.is_empty() => Decision::build(format!("{git_ref} was pushed")),
            Change::Files(files) => self.paths.decide(files)?,
        })
    }
}

#[cfg(test)]
mod tests;
