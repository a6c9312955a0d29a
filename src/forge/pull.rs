//! A pull request: what is wanted, and what is there.

use super::error::ForgeError;

/// A pull request as it should be. Head and base are branches of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The branch with the change.
    pub head: String,
    /// The branch that the change is for.
    pub base: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Names of labels to add; those that people put there stay.
    pub labels: Vec<String>,
    /// Login names of people to assign; those that are assigned already stay.
    pub assignees: Vec<String>,
    /// Whether the head has not changed: a pull request that is open stays as it is.
    pub unchanged: bool,
    /// Merge it by itself once its required checks have passed. None leaves alone what is scheduled, perhaps by hand.
    pub auto_merge: Option<MergeMethod>,
    /// The message of the commit that a squash makes, subject first. Without it the forge takes the title alone, and
    /// the trailers of the commits are lost to the base's history. A merge that is scheduled already gets the newer
    /// message when title or body are newer, too.
    pub squash_message: Option<String>,
}

/// How to merge a pull request by itself.
pub(super) struct Merge<'a> {
    pub(super) method: MergeMethod,
    /// Subject and the rest, for a squash.
    pub(super) message: Option<(&'a str, &'a str)>,
    /// Whether a merge that is scheduled already would be with an outdated message.
    pub(super) outdated: bool,
}

/// How a pull request becomes part of its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeMethod {
    /// What the merge button does: the repository's default on Gitea; on GitHub, whose API tells no default, the first
    /// that the repository allows of merge, squash and rebase. A merge keeps our commit, and so its trailers.
    #[default]
    Default,
    /// A merge commit.
    Merge,
    /// One new commit, whose message the forge writes.
    Squash,
    /// The commits put on top of the base.
    Rebase,
}

/// A pull request that is open, or was merged at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// Whether it was opened by this call.
    pub created: bool,
    /// The result of the request to merge it automatically.
    pub auto_merge: AutoMerge,
    /// What was not done though asked for, such as a label for want of a scope: each one sentence for people.
    pub warnings: Vec<String>,
}

/// The result of the request to merge a pull request automatically.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AutoMerge {
    /// Auto-merge was not asked for.
    Off,
    /// The forge merges it when its checks have passed.
    Scheduled,
    /// It was merged at once.
    Merged,
    /// It stays open, and why: conflicts, a method that the repository does not allow, no right to merge.
    Refused(String),
}

/// A pull request that is open, whatever else went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub url: String,
}

/// A pull request that is not as it should be.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct PullError {
    /// What failed.
    #[source]
    pub error: ForgeError,
    /// The pull request, if there is one by now.
    pub pull: Option<Opened>,
}

impl From<ForgeError> for PullError {
    fn from(error: ForgeError) -> Self {
        Self { error, pull: None }
    }
}
