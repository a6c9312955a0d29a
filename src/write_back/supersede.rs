//! Never backwards: whether a newer build of the same source has been written to the same place already.
//!
//! Who wrote what is in the trailers of the branch's own history, so nothing has to be kept elsewhere.

mod orders;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::files::Files;
use super::message::{Group, Message, line, values};
use super::places::Places;
use super::request::Source;
use super::trailer::{MANIFEST, PLACE, SOURCE_COMMIT, SOURCE_REPO};
use crate::git::RepoUrl;
use crate::git::advert::is_oid;

pub(super) use orders::{Order, Orders, Question};

/// Names of older commits that are looked up in the files; beyond it they are compared by their text.
const MAX_NAMES: usize = 64;

/// What a writer means to set, and from which source.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    source: Source,
    /// The source's repository, however it is spelt.
    repo: String,
    /// The places whose last writer is not known.
    open: BTreeSet<String>,
    /// The targets that led to them, and are not met yet.
    targets: BTreeSet<String>,
    means: Option<(Places, Arc<Files>)>,
    /// What older commits' targets mean.
    meant: BTreeMap<String, BTreeSet<String>>,
}

impl Claim {
    /// `None` where there is nothing to compare by: no source, or no place named. `means` tells what older commits mean
    /// by their targets, in the files as they are.
    pub(super) fn new(
        source: Option<&Source>,
        message: &Message,
        means: Option<(Places, Arc<Files>)>,
    ) -> Option<Self> {
        let mut source = source?.clone();
        source.commit.make_ascii_lowercase();
        let named = values(&message.trailers, SOURCE_REPO).next().map(|named| origin(&line(named)));
        let repo = named.unwrap_or_else(|| source.repo.origin());
        let told: Group = message.trailers.iter().map(|(name, value)| (name.clone(), line(value))).collect();
        let (open, targets) = (places(&told), targets(&told));
        let open = if open.is_empty() { targets.clone() } else { open };
        let claim = Self { source, repo, open, targets, means, meant: BTreeMap::new() };
        (!claim.open.is_empty()).then_some(claim)
    }

    /// The source repository and our commit of it.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Whether there are places whose last writer is not known.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Looks up what older commits mean by their targets.
    pub(super) async fn learn(&mut self, groups: &[Group]) {
        let Some((means, files)) = self.means.clone() else { return };
        let rivals = groups.iter().filter(|group| self.commit(group).is_some() && is_old(group));
        let mut names: BTreeSet<String> = rivals.flat_map(targets).collect();
        names.retain(|name| !self.meant.contains_key(name));
        let names: Vec<_> = names.into_iter().take(MAX_NAMES - self.meant.len().min(MAX_NAMES)).collect();
        if names.is_empty() {
            return;
        }
        let look = move || names.into_iter().map(|name| (means.of(&files, &name), name)).collect::<Vec<_>>();
        // Without an answer they are compared by their text.
        let found = tokio::task::spawn_blocking(look).await.unwrap_or_default();
        self.meant.extend(found.into_iter().map(|(places, name)| (name, places)));
    }

    /// The source commits of the last writers of our places among `groups`, newest first. What was found is no longer
    /// looked for.
    pub(super) fn last_writers<'a>(&mut self, groups: impl Iterator<Item = &'a Group>) -> Vec<String> {
        let mut found = Vec::new();
        for group in groups {
            let Some(commit) = self.commit(group) else { continue };
            if self.meets(group) && commit != self.source.commit && is_oid(&commit) {
                found.push(commit);
            }
        }
        found.dedup();
        found
    }

    /// The commit of our source's repository that a group of trailers is of.
    fn commit(&self, group: &Group) -> Option<String> {
        let same = values(group, SOURCE_REPO).any(|repo| origin(repo) == self.repo);
        values(group, SOURCE_COMMIT).next().filter(|_| same).map(str::to_ascii_lowercase)
    }

    /// Whether the group set one of our open places, which is then closed.
    fn meets(&mut self, group: &Group) -> bool {
        let before = self.open.len() + self.targets.len();
        let (theirs, named) = (places(group), targets(group));
        self.open.retain(|place| !theirs.contains(place) && !named.contains(place));
        if is_old(group) {
            let meant: Vec<_> = named.iter().filter_map(|name| self.meant.get(name)).flatten().collect();
            self.open.retain(|place| !meant.contains(&place));
            self.targets.retain(|target| !named.contains(target));
        }
        self.open.len() + self.targets.len() < before
    }
}

/// The places that a group of trailers says.
fn places(group: &Group) -> BTreeSet<String> {
    let plain = values(group, MANIFEST).filter_map(plain);
    values(group, PLACE).map(str::to_owned).chain(plain).collect()
}

/// The targets of a group of trailers that do not say their place.
fn targets(group: &Group) -> BTreeSet<String> {
    values(group, MANIFEST).filter(|manifest| plain(manifest).is_none()).map(str::to_owned).collect()
}

/// The place that a target `FILE helm:PATH` says.
fn plain(manifest: &str) -> Option<String> {
    manifest.split_once(" helm:").map(|(file, path)| format!("{file} {path}"))
}

/// Whether a group of trailers is of a commit from before there were places in them.
fn is_old(group: &Group) -> bool {
    values(group, PLACE).next().is_none()
}

/// What a trailer that names a repository means; one that is no address is itself.
fn origin(named: &str) -> String {
    named.parse::<RepoUrl>().map_or_else(|_| named.to_owned(), |repo| repo.origin())
}

#[cfg(test)]
mod tests;
