//! Never backwards: whether a newer build of the same source has been written to the same place already.
//!
//! Who wrote what is in the trailers of the branch's own history, so nothing has to be kept elsewhere.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};

use super::{Git, RepoUrl};
use super::advert::is_oid;
use super::ancestry::{Standing, standing};
use super::error::GitError;
use super::message::{Group, Message, values};
use super::request::Source;
use super::trailer::{MANIFEST, SOURCE_COMMIT, SOURCE_REPO};

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
        let named = values(&message.trailers, SOURCE_REPO).next().map(|named| origin(&super::message::line(named)));
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

/// A source repository, who asks it, our commit and theirs. What one login was not shown is no answer to another.
type Key = (String, [u8; 32], String, String);

/// Source servers' requests under way at once.
const AT_ONCE: usize = 8;

/// Which commit is newer, remembered: history does not change its order.
#[derive(Debug, Default)]
pub(super) struct Orders(BTreeMap<Key, bool>);

impl Orders {
    /// The first of `theirs` that is newer than the claim's own commit.
    pub(super) async fn newer(
        &mut self,
        git: &Git,
        claim: &Claim,
        theirs: Vec<String>,
    ) -> Result<Option<String>, GitError> {
        for commit in theirs {
            if self.is_older(git, &claim.source, &commit).await? {
                return Ok(Some(commit));
            }
        }
        Ok(None)
    }

    /// Asks about many pairs at once, for each is a round trip. What fails is asked again when it is needed.
    pub(super) async fn learn(&mut self, git: &Git, pairs: Vec<(Source, String)>) {
        let keyed = pairs.into_iter().map(|(source, theirs)| (key(&source, &theirs), (source, theirs)));
        let unknown: BTreeMap<_, _> = keyed.filter(|(key, _)| !self.0.contains_key(key)).collect();
        let ask = |(key, (source, theirs)): (Key, (Source, String))| async move {
            let standing = standing(git, &source, &theirs).await.ok()?;
            Some((key, is_older(standing, &source, &theirs)))
        };
        let asked: Vec<_> = stream::iter(unknown).map(ask).buffer_unordered(AT_ONCE).collect().await;
        self.0.extend(asked.into_iter().flatten());
    }

    async fn is_older(&mut self, git: &Git, source: &Source, theirs: &str) -> Result<bool, GitError> {
        let key = key(source, theirs);
        if let Some(older) = self.0.get(&key) {
            return Ok(*older);
        }
        let older = is_older(standing(git, source, theirs).await?, source, theirs);
        self.0.insert(key, older);
        Ok(older)
    }
}

fn key(source: &Source, theirs: &str) -> Key {
    let asks = source.credentials.fingerprint();
    (source.repo.to_string(), asks, source.commit.clone(), theirs.to_owned())
}

fn is_older(standing: Standing, source: &Source, theirs: &str) -> bool {
    if let Standing::Unknown(why) = &standing {
        let (repo, ours) = (&source.repo, &source.commit);
        tracing::warn!(%repo, ours, theirs, "writing without knowing which commit is newer: {why}");
    }
    standing == Standing::Older
}

/// What a trailer that names a repository means; one that is no address is itself.
fn origin(named: &str) -> String {
    named.parse::<RepoUrl>().map_or_else(|_| named.to_owned(), |repo| repo.origin())
}
