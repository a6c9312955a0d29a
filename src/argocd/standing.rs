//! What a wait for an Application wants, and what a state of the Application means for it.

use std::collections::BTreeMap;

use super::state::Health;
use crate::oci::ImageRef;

/// What an Application must run.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The commit, which the Application must have or a later one. Without it, any revision counts.
    pub commit: Option<&'a str>,
    /// The images that must run, by their digest or tag: see [`is_image`](super::is_image).
    pub images: &'a [ImageRef],
}

/// The order of a revision that Argo CD has, seen from the commit that is waited for. `CommitOrder` in `write_back` says it the other way
/// round: there, `Newer` means that our commit is the newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionOrder {
    /// It is a descendant.
    Newer,
    /// It is an ancestor, so ours is still to come.
    Older,
    /// It is on another line of history, or the repository does not say.
    Unknown,
}

/// The answers about revisions that were asked for.
pub type RevisionOrders = BTreeMap<String, RevisionOrder>;

/// What a state says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It runs what is wanted.
    Done,
    /// A newer commit has deployed other images.
    Superseded {
        /// That commit.
        by: String,
    },
    /// Whether this revision is newer than ours must be asked first.
    Ask {
        /// The revision, a commit.
        revision: String,
    },
    /// Not yet, or never.
    Waiting(Waiting),
}

/// What is missing. How long to wait for it is the caller's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// No controller has written a status.
    NoStatus,
    /// The refresh that was requested has not ended.
    Comparing,
    /// The Application or its project does not allow the comparison.
    Refused {
        /// The condition.
        condition: String,
        /// Its message.
        message: String,
    },
    /// Git cannot be read, or the manifests cannot be made. The health says nothing then.
    NotCompared {
        /// The message of Argo CD.
        message: String,
    },
    /// Argo CD compares with a revision that does not have our commit.
    OtherRevision {
        /// That revision.
        revision: String,
        /// Whether the repository says that it is older.
        is_older: bool,
    },
    /// An automated sync of an older revision is repeated, and ours waits for its end.
    OlderSync {
        /// The older revision.
        revision: String,
        /// The number of repetitions.
        retries: u64,
        /// What was refused.
        problem: String,
    },
    /// A sync window keeps an operation from beginning.
    Window,
    /// Our sync works.
    Syncing {
        /// What it does now.
        message: String,
        /// The number of repetitions.
        retries: u64,
        /// What was refused.
        problem: String,
    },
    /// Our sync has failed for good.
    SyncFailed {
        /// What was refused.
        problem: String,
    },
    /// The cluster differs from our revision, and nothing changes that.
    OutOfSync {
        /// Whether Argo CD is to sync by itself.
        is_automated: bool,
    },
    /// It was synced to our revision, and differs all the same.
    StillDiffers,
    /// The resources are not healthy yet.
    NotHealthy {
        /// Their health.
        health: Health,
    },
    /// A resource has failed. For a moment, this may be the state before our commit.
    Degraded,
    /// All is well, but the image does not run.
    NoImage {
        /// The image.
        image: String,
        /// Whether it is in the applied manifest of something without pods.
        is_applied: bool,
    },
}
