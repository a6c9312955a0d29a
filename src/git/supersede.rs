//! Never backwards: whether a newer build of the same source has been written to the same place already.
//!
//! Who wrote what is in the trailers of the branch's own history, so nothing has to be kept elsewhere.

mod orders;

use super::RepoUrl;
use super::advert::is_oid;
use super::message::{Group, Message, values};
use super::request::Source;
use super::trailer::{MANIFEST, SOURCE_COMMIT, SOURCE_REPO};

pub(super) use orders::{Orders, Question, Told};

/// What a writer means to set, and from which source.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    source: Source,
    /// The source's repository, however it is spelt.
    repo: String,
    /// The places that are not yet looked up.
    manifests: Vec<String>,
}

impl Claim {
    /// `None` where there is nothing to compare by: no source, or no place named.
    pub(super) fn new(source: Option<&Source>, message: &Message) -> Option<Self> {
        let mut source = source?.clone();
        source.commit.make_ascii_lowercase();
        let named =
            values(&message.trailers, SOURCE_REPO).next().map(|named| origin(&super::message::line(named)));
        let manifests: Vec<_> = values(&message.trailers, MANIFEST).map(super::message::line).collect();
        let repo = named.unwrap_or_else(|| source.repo.origin());
        (!manifests.is_empty()).then_some(Self { source, repo, manifests })
    }

    /// The source repository and our commit of it.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Whether there are places whose last writer is not known.
    pub(super) fn is_open(&self) -> bool {
        !self.manifests.is_empty()
    }

    /// The source commits of the last writers of our places among `groups`, newest first. What was found is no longer
    /// looked for.
    pub(super) fn last_writers<'a>(&mut self, groups: impl Iterator<Item = &'a Group>) -> Vec<String> {
        let mut found = Vec::new();
        for group in groups {
            let same = values(group, SOURCE_REPO).any(|repo| origin(repo) == self.repo);
            let commit = values(group, SOURCE_COMMIT).next().filter(|_| same).map(str::to_ascii_lowercase);
            let Some(commit) = commit else { continue };
            let open = self.manifests.len();
            self.manifests.retain(|manifest| !values(group, MANIFEST).any(|other| other == manifest));
            if self.manifests.len() < open && commit != self.source.commit && is_oid(&commit) {
                found.push(commit);
            }
        }
        found.dedup();
        found
    }
}

/// What a trailer that names a repository means; one that is no address is itself.
fn origin(named: &str) -> String {
    named.parse::<RepoUrl>().map_or_else(|_| named.to_owned(), |repo| repo.origin())
}
