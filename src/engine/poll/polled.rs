//! A service in a run, and the decisions about its branches and tags.

use super::commits::Commits;
use crate::step::PolledService;

/// A service, and the commits of its repository.
#[derive(Clone, Copy)]
pub(super) struct Polled<'a> {
    pub(super) service: &'a PolledService,
    /// The number of its group.
    pub(super) group: usize,
    pub(super) commits: &'a Commits<'a>,
}

/// The decision about a candidate.
pub(super) enum Verdict {
    /// Its image is there.
    UpToDate(String),
    /// Nothing is submitted, with the reason.
    Skip(String),
    /// The Workflow of this commit, with the reason. It is the candidate's own, or one below it if all above are write-backs.
    Build {
        commit: String,
        reason: String,
        /// Whether files that differ from a commit with an image are the reason.
        is_compared: bool,
    },
}
