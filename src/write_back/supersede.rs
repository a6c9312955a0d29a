//! Prevents an older build from overwriting a newer one: checks whether a newer commit of the same source was already
//! written to the same place.
//!
//! The trailers in the branch's history say which commit was written, so no other state is needed.

mod orders;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::files::Files;
use super::message::{Group, Message, line, values};
use super::places::Places;
use super::request::SourceCommit;
use super::trailer::{MANIFEST, PLACE, SOURCE_COMMIT, SOURCE_REPO};
use crate::git::RepoUrl;
use crate::git::advert::is_oid;

pub(super) use orders::{Order, Orders, Question};

/// The maximum number of targets of older commits that are looked up in the files. Further ones are compared as text.
const MAX_NAMES: usize = 64;

/// The places that a writer wants to set, and its source.
#[derive(Debug, Clone)]
pub(super) struct PlannedWrite {
    source: SourceCommit,
    /// The source's repository in a form that does not depend on spelling.
    repo: String,
    /// The places whose last writer has not been found.
    open: BTreeSet<String>,
    /// The targets that led to these places and have not been found in the history.
    targets: BTreeSet<String>,
    resolver: Option<(Places, Arc<Files>)>,
    /// The places that the targets of older commits refer to.
    resolved: BTreeMap<String, BTreeSet<String>>,
}

impl PlannedWrite {
    /// `None` if there is nothing to compare: no source, or no place. `resolver` resolves the targets of older commits
    /// in the current files.
    pub(super) fn new(
        source: Option<&SourceCommit>,
        message: &Message,
        resolver: Option<(Places, Arc<Files>)>,
    ) -> Option<Self> {
        let mut source = source?.clone();
        source.commit.make_ascii_lowercase();
        let named = values(&message.trailers, SOURCE_REPO).next().map(|named| origin(&line(named)));
        let repo = named.unwrap_or_else(|| source.repo.origin());
        let told: Group = message.trailers.iter().map(|(name, value)| (name.clone(), line(value))).collect();
        let (open, targets) = (places(&told), targets(&told));
        let open = if open.is_empty() { targets.clone() } else { open };
        let planned = Self { source, repo, open, targets, resolver, resolved: BTreeMap::new() };
        (!planned.open.is_empty()).then_some(planned)
    }

    /// The source repository and our commit in it.
    pub(super) fn source(&self) -> &SourceCommit {
        &self.source
    }

    /// Whether there are places whose last writer has not been found.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Looks up the places that the targets of older commits refer to.
    pub(super) async fn learn(&mut self, groups: &[Group]) {
        let Some((resolver, files)) = self.resolver.clone() else { return };
        let rivals = groups.iter().filter(|group| self.commit(group).is_some() && is_old(group));
        let mut names: BTreeSet<String> = rivals.flat_map(targets).collect();
        names.retain(|name| !self.resolved.contains_key(name));
        let names: Vec<_> = names.into_iter().take(MAX_NAMES - self.resolved.len().min(MAX_NAMES)).collect();
        if names.is_empty() {
            return;
        }
        let look =
            move || names.into_iter().map(|name| (resolver.of(&files, &name), name)).collect::<Vec<_>>();
        // If the lookup fails, they are compared as text.
        let found = tokio::task::spawn_blocking(look).await.unwrap_or_default();
        self.resolved.extend(found.into_iter().map(|(places, name)| (name, places)));
    }

    /// The source commits that last wrote our places, from `groups`, which are newest first. Places that were found
    /// are not searched again.
    pub(super) fn last_writers<'a>(&mut self, groups: impl Iterator<Item = &'a Group>) -> Vec<String> {
        let mut found = Vec::new();
        for group in groups {
            let Some(commit) = self.commit(group) else { continue };
            if self.takes_open_places(group) && commit != self.source.commit && is_oid(&commit) {
                found.push(commit);
            }
        }
        found.dedup();
        found
    }

    /// The source commit in a group of trailers, if it is from our source's repository.
    fn commit(&self, group: &Group) -> Option<String> {
        let same = values(group, SOURCE_REPO).any(|repo| origin(repo) == self.repo);
        values(group, SOURCE_COMMIT).next().filter(|_| same).map(str::to_ascii_lowercase)
    }

    /// Whether the group set one of our open places. These places are then closed.
    fn takes_open_places(&mut self, group: &Group) -> bool {
        let before = self.open.len() + self.targets.len();
        let (theirs, named) = (places(group), targets(group));
        self.open.retain(|place| !theirs.contains(place) && !named.contains(place));
        if is_old(group) {
            let resolved: Vec<_> =
                named.iter().filter_map(|name| self.resolved.get(name)).flatten().collect();
            self.open.retain(|place| !resolved.contains(&place));
            self.targets.retain(|target| !named.contains(target));
        }
        self.open.len() + self.targets.len() < before
    }
}

/// The places in a group of trailers.
pub(super) fn places(group: &Group) -> BTreeSet<String> {
    let plain = values(group, MANIFEST).filter_map(plain);
    values(group, PLACE).map(str::to_owned).chain(plain).collect()
}

/// The targets in a group of trailers that do not contain their place.
fn targets(group: &Group) -> BTreeSet<String> {
    values(group, MANIFEST).filter(|manifest| plain(manifest).is_none()).map(str::to_owned).collect()
}

/// The place that a target `FILE helm:PATH` contains.
fn plain(manifest: &str) -> Option<String> {
    manifest.split_once(" helm:").map(|(file, path)| format!("{file} {path}"))
}

/// Whether a group of trailers is from a commit made before `Place` trailers existed.
fn is_old(group: &Group) -> bool {
    values(group, PLACE).next().is_none()
}

/// The normal form of a trailer that names a repository; a value that is not an address stays as it is.
fn origin(named: &str) -> String {
    named.parse::<RepoUrl>().map_or_else(|_| named.to_owned(), |repo| repo.origin())
}

#[cfg(test)]
mod tests;
