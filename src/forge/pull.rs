//! The wanted state of a pull request, and the result.

use super::error::ForgeError;

/// The wanted state of a pull request. Head and base are branches of one repository.
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
    /// Names of labels to add. Labels that people added stay.
    pub labels: Vec<String>,
    /// Login names of people to assign. Existing assignees stay.
    pub assignees: Vec<String>,
    /// Whether the head has not changed. Then an open pull request is not updated.
    pub unchanged: bool,
    /// Merge automatically after the required checks have passed. `None` does not touch a merge that is scheduled
    /// already, perhaps by hand.
    pub auto_merge: Option<MergeMethod>,
    /// The message of a squash commit, subject first. Without it, the forge uses the title only, and the base's
    /// history loses the trailers of the commits. A merge that is already scheduled gets the newer message if the
    /// title or the body is newer, too.
    pub squash_message: Option<String>,
}

/// A request to merge a pull request automatically.
pub(super) struct AutoMergeRequest<'a> {
    pub(super) method: MergeMethod,
    /// The subject and the rest of the message, for a squash.
    pub(super) message: Option<(&'a str, &'a str)>,
    /// Whether a merge that is already scheduled would have an outdated message.
    pub(super) outdated: bool,
}

/// The way to merge a pull request into its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeMethod {
    /// The method of the merge button: on Gitea the repository's default. GitHub's API does not tell the default, so
    /// there it is the first allowed one of merge, squash and rebase. A merge keeps our commit, and so its trailers.
    #[default]
    Default,
    /// A merge commit.
    Merge,
    /// One new commit, whose message the forge writes.
    Squash,
    /// The commits are rebased onto the base.
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
    /// Requested things that were not done, such as a label when the token lacks the scope. Each is one sentence for
    /// people.
    pub warnings: Vec<String>,
}

/// The result of the request to merge a pull request automatically.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AutoMerge {
    /// Auto-merge was not asked for.
    Off,
    /// The forge will merge it after its checks have passed.
    Scheduled,
    /// It was merged at once.
    Merged,
    /// It stays open, with the reason: conflicts, a method that the repository does not allow, no right to merge.
    Refused(String),
}

/// A pull request that is open although a later request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPull {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub url: String,
}

/// The pull request could not be brought into the wanted state.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct PullError {
    /// The error.
    #[source]
    pub error: ForgeError,
    /// The pull request, if it exists.
    pub pull: Option<OpenPull>,
}

impl From<ForgeError> for PullError {
    fn from(error: ForgeError) -> Self {
        Self { error, pull: None }
    }
}
